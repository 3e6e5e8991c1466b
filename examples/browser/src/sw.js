import { serve } from "millrace/browser";
import config from "./config.json";

serve(config);
