//! The same in wasm: `tests/bench/recommender/serving.mjs` calls each of these and looks at its clock before and after.

#![cfg_attr(target_family = "wasm", expect(unsafe_code, reason = "exports have names, which Rust calls unsafe"))]
#![cfg(target_family = "wasm")]

mod served;

use std::cell::RefCell;
use std::hint::black_box;

use edge::recommend::Model;
use served::Served;

#[derive(Default)]
struct State {
    /// What JavaScript wrote.
    input: Vec<u8>,
    model: Option<Model>,
    served: Option<Served>,
    answers: String,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
}

fn with<T>(work: impl FnOnce(&mut State) -> T) -> T {
    STATE.with_borrow_mut(work)
}

/// Room for so many bytes; where it begins.
#[unsafe(no_mangle)]
extern "C" fn room(bytes: usize) -> *mut u8 {
    with(|state| {
        state.input = vec![0; bytes];
        state.input.as_mut_ptr()
    })
}

/// Opens the model that was written into the room. 1 when it is one.
#[unsafe(no_mangle)]
extern "C" fn open() -> usize {
    with(|state| {
        state.model = Model::open(std::mem::take(&mut state.input)).ok();
        usize::from(state.model.is_some())
    })
}

/// Takes the requests that were written into the room; how many they are.
#[unsafe(no_mangle)]
extern "C" fn take() -> usize {
    with(|state| {
        let requests = String::from_utf8(std::mem::take(&mut state.input)).unwrap_or_default();
        state.served = state.model.take().and_then(|model| Served::new(model, &requests).ok());
        state.served.as_ref().map_or(0, Served::len)
    })
}

/// Ranks for a request; of how many candidates.
#[unsafe(no_mangle)]
extern "C" fn rank(at: usize) -> usize {
    with(|state| state.served.as_mut().and_then(|served| black_box(served.rank(at))).map_or(0, |(_, count)| count))
}

/// Answers a request; with how many articles.
#[unsafe(no_mangle)]
extern "C" fn choose(at: usize) -> usize {
    with(|state| state.served.as_mut().map_or(0, |served| black_box(served.choose(at)).len()))
}

/// Answers all requests; the text's length.
#[unsafe(no_mangle)]
extern "C" fn answer() -> usize {
    with(|state| {
        state.answers = state.served.as_mut().map(Served::answers).unwrap_or_default();
        state.answers.len()
    })
}

/// Where that text begins.
#[unsafe(no_mangle)]
extern "C" fn answers() -> *const u8 {
    with(|state| state.answers.as_ptr())
}
