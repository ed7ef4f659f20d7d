use super::*;

const ROOT: RootId = RootId(1);
const STREAM: StreamId = StreamId(2);

fn at_work() -> Contexts<&'static str> {
    let contexts = Contexts::new();
    assert!(contexts.configure(ROOT, Rc::new("old")).is_none());
    contexts
}

#[test]
fn a_stream_keeps_the_configuration_that_it_was_announced_with() {
    let contexts = at_work();
    contexts.announce(STREAM, ROOT);
    assert_eq!(contexts.configure(ROOT, Rc::new("new")).as_deref(), Some(&"old"));
    assert_eq!(contexts.begin(STREAM).as_deref(), Some(&"old"));
    assert_eq!(contexts.root(ROOT).as_deref(), Some(&"new"));
}

#[test]
fn a_stream_begins_once() {
    let contexts = at_work();
    contexts.announce(STREAM, ROOT);
    assert!(contexts.begin(STREAM).is_some());
    assert!(contexts.begin(STREAM).is_none());
}

#[test]
fn a_stream_outlives_its_root_context() {
    let contexts = at_work();
    contexts.announce(STREAM, ROOT);
    assert_eq!(contexts.dismiss(ROOT).as_deref(), Some(&"old"));
    assert!(contexts.root(ROOT).is_none());
    assert_eq!(contexts.begin(STREAM).as_deref(), Some(&"old"));
}

#[test]
fn a_number_that_is_not_known_belongs_to_no_stream() {
    let contexts = at_work();
    contexts.announce(STREAM, RootId(7));
    assert!(contexts.begin(STREAM).is_none());
    assert!(contexts.dismiss(RootId(7)).is_none());
    let streams = Streams::<u8>::new();
    assert_eq!((streams.find(STREAM), streams.forget(STREAM)), (None, None));
}

#[test]
fn a_stream_is_known_until_it_is_forgotten() {
    let streams = Streams::new();
    streams.keep(STREAM, 1);
    streams.keep(STREAM, 2);
    assert_eq!(streams.find(STREAM), Some(2));
    assert_eq!(streams.forget(STREAM), Some(2));
    assert_eq!(streams.find(STREAM), None);
}
