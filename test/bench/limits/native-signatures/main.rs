//! Checks signatures (BIP 340) with native libsecp256k1. Standard input has one a line: id, key and signature in hex. The argument is
//! the number of rounds over all of them. Prints the number of checks, how many were good, and the thread's processor time in nanoseconds.
use secp256k1::{schnorr::Signature, Secp256k1, XOnlyPublicKey};
use std::io::Read;

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// Processor time of this process, which has one thread, as Linux counts it.
fn processor_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

fn main() {
    let rounds: usize = std::env::args().nth(1).unwrap().parse().unwrap();
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).unwrap();
    let signed: Vec<Vec<Vec<u8>>> = text.lines().map(|line| line.split(' ').map(bytes).collect()).collect();
    let context = Secp256k1::verification_only();
    let mut good = 0;
    let began = processor_ns();
    for _ in 0..rounds {
        for one in &signed {
            // As a server does: the key and the signature are read for each check.
            let key = XOnlyPublicKey::from_slice(&one[1]).unwrap();
            let signature = Signature::from_slice(&one[2]).unwrap();
            good += context.verify_schnorr(&signature, &one[0], &key).is_ok() as usize;
        }
    }
    println!("{} {} {}", rounds * signed.len(), good, processor_ns() - began);
}
