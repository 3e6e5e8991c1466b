/* One function of libsecp256k1: whether a signature of BIP 340 is good. Compiled by scripts/schnorr-module.ts. */
#include "secp256k1.c"

/* Calls with a null pointer, which there are none of. */
void rustsecp256k1_v0_10_0_default_illegal_callback_fn(const char *message, void *data) {
    __builtin_trap();
}
void rustsecp256k1_v0_10_0_default_error_callback_fn(const char *message, void *data) {
    __builtin_trap();
}

/* Hash, key and signature. */
static unsigned char input[128];

__attribute__((export_name("input_at"))) unsigned char *input_at(void) {
    return input;
}

__attribute__((export_name("verify"))) int verify(void) {
    const rustsecp256k1_v0_10_0_context *context = rustsecp256k1_v0_10_0_context_static;
    rustsecp256k1_v0_10_0_xonly_pubkey key;
    if (!rustsecp256k1_v0_10_0_xonly_pubkey_parse(context, &key, input + 32)) return 0;
    return rustsecp256k1_v0_10_0_schnorrsig_verify(context, input + 64, input, 32, &key);
}

/* Without the C library. */
void *memcpy(void *to, const void *from, unsigned long length) {
    __builtin_memcpy(to, from, length);
    return to;
}
void *memset(void *to, int byte, unsigned long length) {
    __builtin_memset(to, byte, length);
    return to;
}
int memcmp(const void *one, const void *other, unsigned long length) {
    const unsigned char *a = one, *b = other;
    for (; length > 0; length--, a++, b++)
        if (*a != *b) return *a - *b;
    return 0;
}
