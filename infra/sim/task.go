package sim

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// task is one invocation under way. It runs only between a step and the next port
// call, where it parks: at any moment one task of a history runs, and the seed says
// which.
type task struct {
	w        *World
	name     string
	about    string // customer
	inst     *instance
	deadline time.Time // Lambda ends it then
	wake     time.Time // it sleeps until then
	dead     bool      // its ports do nothing any more
	ended    bool
	err      error
	done     func(error)
	again    func() // the same invocation by another worker; nil: none

	overtaken bool // it hesitates until its run has another message due

	aside   bool      // it set a record aside, or found it so, and what it was at is not finished
	refused time.Time // SES took nothing from anybody when it sent
	failed  string    // the message that it gave up for good

	calls    int  // port calls
	troubled bool // by a fault or a conflict: its calls are not counted against the bound
	begun    int  // World.writes when it began, and
	gateRead int  // when it last read or wrote GATE
}

// lifetime is how long an invocation may take: deliver's own idea of it when
// nobody tells it a deadline.
const lifetime = 30 * time.Second

var (
	errDead  = errors.New("this process is dead")
	errPanic = errors.New("panic")
)

// spawn begins an invocation on a warm instance or a new one.
func (w *World) spawn(name, about string, run func(context.Context, *instance) error, done func(error)) *task {
	t := &task{w: w, name: name, about: about, begun: w.writes, deadline: w.now.Add(lifetime), done: done}
	t.inst = w.instance(t)
	w.running = append(w.running, t)
	w.tell(about, "%s: begins", name)
	t.inst.worker.job = func() {
		defer func() {
			if p := recover(); p != nil {
				t.err = fmt.Errorf("%w: %v", errPanic, p)
			}
			t.ended = true
		}()
		t.err = run(context.Background(), t.inst)
	}
	return t
}

// park gives the other tasks their turn. It returns false when the process died
// meanwhile.
func (t *task) park() bool {
	if t.dead {
		return false
	}
	t.inst.worker.yield(struct{}{})
	if t.w.now.After(t.deadline) {
		t.die("its time is up")
	}
	return !t.dead
}

// sleep parks for d of real time.
func (t *task) sleep(d time.Duration) bool {
	t.wake = t.w.now.Add(d)
	return t.park()
}

func (t *task) die(why string) {
	t.dead, t.troubled = true, true
	t.w.tell(t.about, "%s: dies, %s", t.name, why)
}

// step lets the task run to its next port call or its end.
func (w *World) step(t *task) {
	t.inst.worker.next()
	if !t.ended {
		return
	}
	for i, other := range w.running {
		if other == t {
			w.running = append(w.running[:i], w.running[i+1:]...)
			break
		}
	}
	w.retire(t)
	w.watch.counted(t)
	w.watch.braking(t)
	w.watch.givenBack(t)
	if t.dead && t.err == nil {
		t.err = errDead // whatever it answered, nobody heard it
	}
	if t.err != nil {
		w.tell(t.about, "%s: failed: %v", t.name, t.err)
	}
	if errors.Is(t.err, errPanic) {
		w.violate(t.about, "%s: %v", t.name, t.err)
	}
	t.done(t.err)
}
