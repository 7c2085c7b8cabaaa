use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// User data that counts how often it is freed.
fn counted(count: &AtomicUsize) -> Arc<UserData> {
    unsafe extern "C-unwind" fn free(pointer: *mut c_void) {
        // SAFETY: the tests pass a counter that outlives the registry.
        unsafe { &*pointer.cast::<AtomicUsize>() }.fetch_add(1, Ordering::SeqCst);
    }
    // SAFETY: counting is all that `free` does.
    unsafe { UserData::new(std::ptr::from_ref(count).cast_mut().cast(), Some(free)) }
}

fn heard(registry: &Registry<u8>, event: u32) -> Vec<u8> {
    let mut heard = Vec::new();
    registry.deliver(event, |s| heard.push(s.function()));
    heard
}

fn add(registry: &Registry<u8>, key: Option<&str>, events: u32, f: u8, d: Arc<UserData>) -> u64 {
    registry
        .add(key, events, f, d, |a, b| a == b)
        .expect("open")
}

fn freed(count: &AtomicUsize) -> usize {
    count.load(Ordering::SeqCst)
}

#[test]
fn events_come_in_the_order_of_registration() {
    let (one, two) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let registry = Registry::default();
    let first = add(&registry, None, 3, 1, counted(&one));
    add(&registry, None, 2, 2, counted(&two));
    assert_eq!(heard(&registry, 2), [1, 2]);
    assert_eq!(heard(&registry, 1), [1]);
    assert!(registry.remove(first));
    assert!(!registry.remove(first));
    assert_eq!((freed(&one), freed(&two)), (1, 0));
    assert_eq!(heard(&registry, 2), [2]);
    drop(registry);
    assert_eq!((freed(&one), freed(&two)), (1, 1));
}

#[test]
fn adding_again_without_a_key_replaces_the_events_and_frees_once() {
    let count = AtomicUsize::new(0);
    let registry = Registry::default();
    let id = add(&registry, None, 1, 1, counted(&count));
    assert_eq!(add(&registry, None, 2, 1, counted(&count)), id);
    assert!(heard(&registry, 1).is_empty());
    assert_eq!(heard(&registry, 2), [1]);
    assert_eq!(freed(&count), 0);
    drop(registry);
    assert_eq!(freed(&count), 1);
}

#[test]
fn a_key_is_replaced_in_its_place_and_its_user_data_freed() {
    let (one, two, three) = (
        AtomicUsize::new(0),
        AtomicUsize::new(0),
        AtomicUsize::new(0),
    );
    let registry = Registry::default();
    let id = add(&registry, Some("a"), 1, 1, counted(&one));
    add(&registry, Some("b"), 1, 2, counted(&two));
    assert_ne!(add(&registry, Some("a"), 1, 3, counted(&three)), id);
    assert_eq!(heard(&registry, 1), [3, 2]);
    assert_eq!((freed(&one), freed(&two), freed(&three)), (1, 0, 0));
    // The same user data under the same key is not pulled from under its successor.
    add(&registry, Some("a"), 1, 4, counted(&three));
    assert_eq!(freed(&three), 0);
    drop(registry);
    assert_eq!((freed(&one), freed(&two), freed(&three)), (1, 1, 1));
}

#[test]
fn a_subscriber_may_remove_itself_and_the_next() {
    let count = AtomicUsize::new(0);
    let other = AtomicUsize::new(0);
    let registry = Registry::default();
    let first = add(&registry, None, 1, 1, counted(&count));
    let second = add(&registry, None, 1, 2, counted(&other));
    let mut heard = Vec::new();
    registry.deliver(1, |s| {
        heard.push(s.function());
        registry.remove(first);
        registry.remove(second);
        assert_eq!(freed(&count), 0, "its call is still running");
    });
    assert_eq!(heard, [1]);
    assert_eq!((freed(&count), freed(&other)), (1, 1));
}

#[test]
fn a_closed_registry_frees_what_it_is_given() {
    let (one, two) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let registry = Registry::default();
    add(&registry, None, 1, 1, counted(&one));
    registry.close();
    assert_eq!(freed(&one), 1);
    assert_eq!(registry.add(None, 1, 1, counted(&two), |a, b| a == b), None);
    assert_eq!(freed(&two), 1);
    assert!(!registry.wants(1));
}
