package sim

import (
	"container/heap"
	"time"
)

// work is something that can begin at a time.
type work struct {
	at    time.Time
	seq   int
	begin func()
}

// queue holds work by its time, then by when it was planned.
type queue struct {
	works works
	seq   int
}

func (q *queue) push(x *work) {
	q.seq++
	x.seq = q.seq
	heap.Push(&q.works, x)
}

func (q *queue) pop() *work { return heap.Pop(&q.works).(*work) }

func (q *queue) next() (at time.Time, some bool) {
	if len(q.works) == 0 {
		return at, false
	}
	return q.works[0].at, true
}

type works []*work

func (w works) Len() int      { return len(w) }
func (w works) Swap(a, b int) { w[a], w[b] = w[b], w[a] }
func (w works) Less(a, b int) bool {
	if !w[a].at.Equal(w[b].at) {
		return w[a].at.Before(w[b].at)
	}
	return w[a].seq < w[b].seq
}
func (w *works) Push(x any) { *w = append(*w, x.(*work)) }
func (w *works) Pop() any {
	last := (*w)[len(*w)-1]
	*w = (*w)[:len(*w)-1]
	return last
}
