use super::*;

/// Headers of one record.
type Headers<'a> = &'a [(&'a str, Option<&'a [u8]>)];

fn add(digest: &mut RangeDigest, offset: i64, value: Option<&[u8]>, headers: Headers<'_>) -> Result<(), DigestError> {
    digest.update_one(offset, offset * 10, 1, Some(b"k"), value, headers.iter().copied())
}

fn over(offsets: impl IntoIterator<Item = i64>) -> RangeDigest {
    let mut digest = RangeDigest::default();
    for offset in offsets {
        add(&mut digest, offset, Some(b"v"), &[]).unwrap();
    }
    digest
}

fn framed_bytes(offset: i64, value: Option<&[u8]>, headers: Headers<'_>) -> Vec<u8> {
    let mut out = b"ofs-record/v1\0".to_vec();
    out.extend(offset.to_be_bytes());
    out.extend((offset * 10).to_be_bytes());
    out.push(1);
    out.extend([0, 0, 0, 1, b'k']);
    let put = |out: &mut Vec<u8>, value: Option<&[u8]>| match value {
        None => out.extend([255; 4]),
        Some(value) => {
            out.extend((value.len() as i32).to_be_bytes());
            out.extend(value);
        }
    };
    put(&mut out, value);
    out.extend((headers.len() as u32).to_be_bytes());
    for (name, value) in headers {
        out.extend((name.len() as u32).to_be_bytes());
        out.extend(name.as_bytes());
        put(&mut out, *value);
    }
    out
}

#[test]
fn frames_a_record_by_lengths() {
    let headers: Headers<'_> = &[("h\u{e9}", Some(b"x")), ("", None)];
    for (value, headers) in [(Some(&b"vv"[..]), &[][..]), (None, headers), (Some(b""), headers)] {
        let mut digest = RangeDigest::default();
        add(&mut digest, 5000, value, headers).unwrap();
        let mut block = vec![0];
        block.extend(1_u64.to_be_bytes());
        block.extend(1_u32.to_be_bytes());
        block.extend(sha256(&framed_bytes(5000, value, headers)));
        assert_eq!(digest.root(), sha256(&block));
        assert_eq!(digest.blocks(), [Block { index: 1, count: 1, digest: sha256(&block) }]);
    }
}

#[test]
fn of_nothing_is_the_digest_of_no_bytes() {
    assert_eq!(hex(&RangeDigest::default().root()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert!(RangeDigest::default().blocks().is_empty());
}

/// RFC 6962's definition, by recursion.
fn reference_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => sha256(b""),
        [one] => *one,
        _ => {
            let mut split = 1;
            while split * 2 < leaves.len() {
                split *= 2;
            }
            let (left, right) = leaves.split_at(split);
            let joined = [&[1][..], &reference_root(left), &reference_root(right)].concat();
            sha256(&joined)
        }
    }
}

#[test]
fn joins_blocks_in_the_shape_of_rfc_6962() {
    for count in 0..20 {
        let digest = over((0..count).map(|block| block * BLOCK_OFFSETS + 7));
        let leaves: Vec<Hash> = digest.blocks().iter().map(|block| block.digest).collect();
        assert_eq!(leaves.len() as i64, count);
        assert_eq!(digest.root(), reference_root(&leaves), "{count}");
    }
}

#[test]
fn splits_blocks_at_aligned_offsets_and_leaves_out_empty_ones() {
    let digest = over([0, 4095, 4096, 3 * 4096]);
    let shape: Vec<(u64, u32)> = digest.blocks().iter().map(|block| (block.index, block.count)).collect();
    assert_eq!(shape, [(0, 2), (1, 1), (3, 1)]);
    assert_eq!(digest.finished().len(), 2);
}

#[test]
fn goes_on_from_its_state_as_if_never_stopped() {
    let offsets: Vec<i64> = (0..9000).step_by(3).chain([20_000]).collect();
    let whole = over(offsets.iter().copied());
    for split in [0, 1, 1364, 1365, 1366, 2000, offsets.len()] {
        let (before, after) = offsets.split_at(split);
        let mut digest = RangeDigest::restore(&over(before.iter().copied()).state()).unwrap();
        for &offset in after {
            add(&mut digest, offset, Some(b"v"), &[]).unwrap();
        }
        assert_eq!(digest, whole, "{split}");
    }
}

#[test]
fn refuses_what_it_has_not_written() {
    let state = over([1, 5000]).state();
    for cut in 0..state.len() {
        assert_eq!(RangeDigest::restore(&state[..cut]), Err(DigestError::State), "{cut}");
    }
    assert_eq!(RangeDigest::restore(&[state, vec![0]].concat()), Err(DigestError::State));
    let mut absurd = (-1_i64).to_be_bytes().to_vec();
    absurd.extend(u64::MAX.to_be_bytes());
    assert_eq!(RangeDigest::restore(&absurd), Err(DigestError::State));
}

#[test]
fn refuses_offsets_out_of_order() {
    let mut digest = over([5]);
    for offset in [5, 4, -1, i64::MIN] {
        assert_eq!(
            digest.update_one(offset, 0, 0, None, None, [].into_iter()),
            Err(DigestError::OffsetOrder),
            "{offset}"
        );
    }
    assert_eq!(digest.update_one(6, 0, 3, None, None, [].into_iter()), Err(DigestError::TimestampType));
    assert_eq!(digest, over([5]));
    assert_eq!(RangeDigest::default().update_one(-1, 0, 0, None, None, [].into_iter()), Err(DigestError::OffsetOrder));
}

#[test]
fn reads_and_writes_hexadecimal_digits() {
    let hash = sha256(b"x");
    assert_eq!(parse_hex(&hex(&hash)), Some(hash));
    assert_eq!(hex_of(&hash), hex(&hash).as_bytes());
    for text in ["", "0", &"0".repeat(63), &"0".repeat(65), &"G".repeat(64), &"A".repeat(64), &"\u{e9}".repeat(32)] {
        assert_eq!(parse_hex(text), None, "{text}");
    }
}
