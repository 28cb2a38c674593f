//! Records of the rings, as the kernel (or a kernel gone wrong) could send them.

#![no_main]

use std::sync::LazyLock;

use lapwing::recording::{Limits, Meta, Writer};
use lapwing_bpf::decode::{WatchName, WatchNames, decode};
use libfuzzer_sys::fuzz_target;

/// Where `lw_header.size` is: a record whose size is not its length goes no further, so it is set right as well.
const SIZE: std::ops::Range<usize> = 24..28;

static WATCHES: LazyLock<WatchNames> = LazyLock::new(|| {
    let name = |n: u32| WatchName {
        id: format!("watch-{n}").into(),
        recursive: n % 2 == 0,
    };
    (0..4).map(|n| (n, [name(n), name(n + 4)].into())).collect()
});

fuzz_target!(|bytes: &[u8]| {
    let _ = decode(bytes, &WATCHES);
    let mut record = bytes.to_vec();
    if let Some(size) = record.get_mut(SIZE) {
        size.copy_from_slice(&(bytes.len() as u32).to_le_bytes());
    }
    if let Ok(event) = decode(&record, &WATCHES) {
        // What can be decoded can be recorded.
        let mut writer = Writer::new(std::io::sink(), &Meta::default(), Limits::default()).expect("a sink takes all");
        writer.event(&event);
        assert_eq!(writer.finish().refused, 0);
    }
});
