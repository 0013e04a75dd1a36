//! What clients and the process see when the disk does not do its work.

use penstock_store::disk::sim::FileOp;

use super::client::{connect, exchange, put};
use super::*;

#[test]
fn a_sync_that_fails_is_never_acknowledged_and_ends_the_server() {
    let disk = SimDisk::new();
    let mut story = Story::start_on(&disk);
    let mut client = connect(story.plain());
    assert_eq!(exchange(&mut client, &put()).status, 204);
    disk.fail_next(FileOp::Sync, std::io::ErrorKind::Other);
    let refused = exchange(&mut client, &put());
    assert!(refused.status >= 500, "{refused:?}");
    // It ends by itself.
    let error = story.server.take().unwrap().wait().unwrap_err();
    assert!(matches!(error, ServerError::StoreFailed(_)), "{error}");
    assert_eq!(error.exit_code(), 1);
}

#[test]
fn a_full_disk_is_answered_and_recovered_from() {
    let disk = SimDisk::new();
    let story = Story::start_on(&disk);
    let mut client = connect(story.plain());
    let mut put_until = |status| {
        for _ in 0..100_000 {
            let answer = exchange(&mut client, &put());
            if answer.status == status {
                return answer;
            }
        }
        panic!("never {status}");
    };
    put_until(204);
    disk.set_full(true);
    let refused = put_until(503);
    assert!(refused.head.contains("retry-after: "), "{refused:?}");
    assert!(refused.body.contains("the disk is full"), "{refused:?}");
    disk.set_full(false);
    put_until(204);
}
