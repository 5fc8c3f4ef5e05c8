package sim

import "iter"

// worker is where an instance works its invocations, one at a time: a coroutine, so
// that a history hands over from one to the other without a scheduler, and in the
// order that its seed says.
type worker struct {
	job   func()                  // what it is to do
	next  func() (struct{}, bool) // lets it go on until it yields, or has done its job
	yield func(struct{}) bool     // hands over to who called next
	stop  func()
}

// workers that instances have left: their stacks have grown once and for all.
var workers = make(chan *worker, 64)

// engage finds a worker with nothing to do.
func engage() *worker {
	select {
	case w := <-workers:
		return w
	default:
	}
	w := &worker{}
	w.next, w.stop = iter.Pull(func(yield func(struct{}) bool) {
		w.yield = yield
		for {
			w.job()
			w.job = nil
			if !yield(struct{}{}) {
				return
			}
		}
	})
	return w
}

// dismiss gives back a worker that has nothing to do.
func dismiss(w *worker) {
	select {
	case workers <- w:
	default:
		w.stop()
	}
}
