//! Virtual time: tasks wait, the clock jumps to whoever is next. One thread, and no order but (time, sequence).

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// Names a task.
pub(crate) type TaskId = u64;

/// With whom a task dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The world around the worker: it does not die.
    World,
    /// An isolate of the worker.
    Isolate(usize),
}

struct Task {
    owner: Owner,
    waiter: Option<TaskId>,
    /// The sequence of the timer that it set last; older ones ring for nobody.
    timer: u64,
    future: Pin<Box<dyn Future<Output = ()>>>,
}

/// Why a task is on the agenda.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Ring {
    Timer,
    Wake,
}

/// When, in which order, who, why.
type Due = Reverse<(u64, u64, TaskId, Ring)>;

/// Runs tasks one after the other.
pub(crate) struct Kernel {
    now_ms: Cell<u64>,
    sequence: Cell<u64>,
    current: Cell<(TaskId, Owner)>,
    agenda: RefCell<BinaryHeap<Due>>,
    tasks: RefCell<BTreeMap<TaskId, Task>>,
    timer: Cell<u64>,
    /// Await points that tasks of isolates have passed.
    awaits: Cell<u64>,
    /// The await point at which the isolate dies.
    kill_at: Cell<Option<u64>>,
    doomed: Cell<Option<usize>>,
}

impl Kernel {
    pub(crate) fn new(now_ms: u64) -> Self {
        Self {
            now_ms: Cell::new(now_ms),
            sequence: Cell::new(0),
            current: Cell::new((0, Owner::World)),
            agenda: RefCell::default(),
            tasks: RefCell::default(),
            timer: Cell::new(0),
            awaits: Cell::new(0),
            kill_at: Cell::new(None),
            doomed: Cell::new(None),
        }
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.now_ms.get()
    }

    pub(crate) fn awaits(&self) -> u64 {
        self.awaits.get()
    }

    pub(crate) fn kill_at_await(&self, number: u64) {
        self.kill_at.set(Some(number));
    }

    /// The isolate that met its await point; the caller kills it.
    pub(crate) fn take_doomed(&self) -> Option<usize> {
        self.doomed.take()
    }

    pub(crate) fn current(&self) -> TaskId {
        self.current.get().0
    }

    /// Begins a task. `waiter` is woken when it ends, or dies.
    pub(crate) fn spawn(&self, owner: Owner, waiter: Option<TaskId>, future: impl Future<Output = ()> + 'static) -> TaskId {
        let id = self.next();
        self.tasks.borrow_mut().insert(id, Task { owner, waiter, timer: 0, future: Box::pin(future) });
        self.wake(id);
        id
    }

    pub(crate) fn is_alive(&self, id: TaskId) -> bool {
        self.tasks.borrow().contains_key(&id) || self.current() == id
    }

    pub(crate) fn wake(&self, id: TaskId) {
        self.agenda.borrow_mut().push(Reverse((self.now_ms(), self.next(), id, Ring::Wake)));
    }

    /// Sets the timer of the task that runs.
    fn set_timer(&self, at_ms: u64) {
        self.timer.set(self.next());
        self.agenda.borrow_mut().push(Reverse((at_ms, self.timer.get(), self.current(), Ring::Timer)));
    }

    fn next(&self) -> u64 {
        self.sequence.set(self.sequence.get() + 1);
        self.sequence.get()
    }

    /// Ends every task of an isolate where it stands; those who wait for one are woken.
    pub(crate) fn kill(&self, isolate: usize) {
        let is_its = |(_, task): &(&TaskId, &mut Task)| task.owner == Owner::Isolate(isolate);
        let ids: Vec<TaskId> = self.tasks.borrow_mut().iter_mut().filter(is_its).map(|(id, _)| *id).collect();
        for id in ids {
            let task = self.tasks.borrow_mut().remove(&id);
            if let Some(waiter) = task.and_then(|task| task.waiter) {
                self.wake(waiter);
            }
        }
    }

    /// Ends one task where it stands.
    pub(crate) fn end(&self, id: TaskId) {
        let task = self.tasks.borrow_mut().remove(&id);
        if let Some(waiter) = task.and_then(|task| task.waiter) {
            self.wake(waiter);
        }
    }

    /// One step, unless nothing is due by then.
    pub(crate) fn step(&self, until_ms: u64) -> bool {
        let due = match self.agenda.borrow_mut().peek_mut() {
            Some(due) if due.0.0 <= until_ms => std::collections::binary_heap::PeekMut::pop(due).0,
            _ => return false,
        };
        let (at_ms, sequence, id, ring) = due;
        self.now_ms.set(self.now_ms().max(at_ms));
        let is_stale = |task: &Task| ring == Ring::Timer && task.timer != sequence;
        if self.tasks.borrow().get(&id).is_none_or(is_stale) {
            return true;
        }
        let Some(mut task) = self.tasks.borrow_mut().remove(&id) else { return true };
        self.timer.set(task.timer);
        self.current.set((id, task.owner));
        let poll = task.future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        self.current.set((0, Owner::World));
        match poll {
            Poll::Ready(()) => {
                if let Some(waiter) = task.waiter {
                    self.wake(waiter);
                }
            }
            Poll::Pending => {
                task.timer = self.timer.get();
                self.tasks.borrow_mut().insert(id, task);
            }
        }
        true
    }

    /// Sets the clock forward when nothing is due before.
    pub(crate) fn advance(&self, to_ms: u64) {
        self.now_ms.set(self.now_ms().max(to_ms));
    }

    /// Waits until a time, or until somebody wakes the task.
    pub(crate) fn rest(self: &Rc<Self>, until_ms: Option<u64>) -> Rest {
        Rest { kernel: Rc::clone(self), until_ms, has_begun: false, is_deaf: false }
    }

    /// Waits. In an isolate this is an await point, at which it may die.
    pub(crate) fn sleep(self: &Rc<Self>, ms: u64) -> Rest {
        Rest { kernel: Rc::clone(self), until_ms: Some(self.now_ms() + ms), has_begun: false, is_deaf: true }
    }

    /// Forgets all tasks.
    pub(crate) fn close(&self) {
        let tasks = self.tasks.take();
        drop(tasks);
    }

    fn count_await(&self) {
        let (_, owner) = self.current.get();
        if let Owner::Isolate(isolate) = owner {
            self.awaits.set(self.awaits() + 1);
            if self.kill_at.get() == Some(self.awaits()) {
                self.doomed.set(Some(isolate));
            }
        }
    }
}

/// See [`Kernel::rest`] and [`Kernel::sleep`].
pub(crate) struct Rest {
    kernel: Rc<Kernel>,
    until_ms: Option<u64>,
    has_begun: bool,
    is_deaf: bool,
}

impl Future for Rest {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        let now_ms = self.kernel.now_ms();
        let is_due = self.until_ms.is_some_and(|until_ms| until_ms <= now_ms);
        if self.has_begun && (is_due || !self.is_deaf) {
            return Poll::Ready(());
        }
        if !self.has_begun {
            self.has_begun = true;
            self.kernel.count_await();
            if let Some(until_ms) = self.until_ms {
                self.kernel.set_timer(until_ms);
            }
        }
        Poll::Pending
    }
}
