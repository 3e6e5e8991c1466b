import { expect, test } from "vitest";
import { withFrames } from "../../../../worker/admin/panel-frames.ts";

test("a table's columns are apart by bars, those with # are figures; other lines stay as they are", () => {
  const html = withFrames(
    '<p>\n  <fold-table id="a" label="All of them" columns="Name|#Size" nothing="There is <b>none</b>.">\n</p>\n',
  );
  expect(html).toMatch(/^<p>\n {2}<div class="wide" .* aria-label="All of them">\n/);
  expect(html).toContain('<th role="columnheader" scope="col">Name</th>');
  expect(html).toContain('<th role="columnheader" scope="col" class="figure">Size</th></tr>');
  expect(html).toMatch(/ {4}<p class="nothing">There is <b>none<\/b>\.<\/p>\n {2}<\/div>\n<\/p>\n$/);
});

test("a chart has its title and note, and one without them is a fault", () => {
  const html = withFrames('<time-chart id="a" title="Events" note="a minute">\n');
  expect(html).toContain('<figure class="card" id="a">\n');
  expect(html).toContain("<h3>Events</h3><span>a minute</span>");
  expect(() => withFrames('<time-chart id="a" title="Events">\n')).toThrow(/time-chart.*note/);
});
