package storetest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/testkit/memstore"
)

var modelTests = []test{
	{"random histories leave what the store in memory leaves", followsModel},
}

// followsModel carries out the same random writes here and on memstore, and
// demands the same outcome of each and the same items in the end.
func followsModel(s *suite) {
	base := s.pk
	rapid.Check(s, func(t *rapid.T) {
		s.pk = fmt.Sprintf("%s-%d", base, s.tokens)
		now := Start
		s.SetNow(now)
		model := memstore.New(func(string) time.Time { return now })
		var read []*item.Item // everything ever written, to take conditions from
		for range rapid.IntRange(1, 12).Draw(t, "writes") {
			if rapid.IntRange(0, 4).Draw(t, "wait") == 0 {
				now = now.Add(time.Minute)
				s.SetNow(now)
			}
			ops := s.drawOps(t, now, &read)
			got, want := s.write(ops...), model.Write(context.Background(), ops...)
			compareOutcomes(t, got, want)
		}
		compareStores(t, s, model)
	})
}

// drawOps draws one to three ops on different keys out of four.
func (s *suite) drawOps(t *rapid.T, now time.Time, read *[]*item.Item) []flow.Op {
	keys := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"A", "B", "C", "D"}), 1, 3, rapid.ID).Draw(t, "keys")
	var ops []flow.Op
	for _, sk := range keys {
		it := s.fresh(sk)
		if rapid.Bool().Draw(t, "expires") {
			it.TTL = now.Unix() + 60
		}
		if rapid.Bool().Draw(t, "listed") {
			it.IK, it.IS = s.list(), rapid.SampledFrom([]string{"1", "2"}).Draw(t, "order")
		}
		cond := s.drawCondition(t, sk, *read)
		switch rapid.IntRange(0, 5).Draw(t, "kind") {
		case 0:
			ops = append(ops, flow.Delete(it.Key, cond))
		case 1:
			ops = append(ops, flow.Check(it.Key, cond))
		default:
			ops = append(ops, flow.Put(it, cond))
			*read = append(*read, &it)
		}
	}
	return ops
}

func (s *suite) drawCondition(t *rapid.T, sk string, read []*item.Item) flow.Condition {
	cond := rapid.SampledFrom([]flow.Condition{flow.Any, flow.Absent}).Draw(t, "condition")
	var last *item.Item
	for _, it := range read {
		if it.SK == sk {
			last = it
		}
	}
	if last != nil && rapid.Bool().Draw(t, "is") {
		return flow.Is(last)
	}
	return cond
}

func compareOutcomes(t *rapid.T, got, want error) {
	g, gotConflict := flow.AsConflict(got)
	w, wantConflict := flow.AsConflict(want)
	if gotConflict != wantConflict || (got == nil) != (want == nil) {
		t.Fatalf("got %v, want %v", got, want)
	}
	if gotConflict && (g.Op != w.Op || g.Key != w.Key || !same(g.Current, w.Current)) {
		t.Fatalf("conflict at %d with %s, want %d with %s", g.Op, show(g.Current), w.Op, show(w.Current))
	}
}

func compareStores(t *rapid.T, s *suite, model flow.Store) {
	for _, q := range []flow.Query{{Table: item.Customers, PK: s.pk}, {Table: item.Customers, List: s.list()}} {
		want, err := model.Query(context.Background(), q)
		if err != nil {
			t.Fatalf("model: %v", err)
		}
		got := s.all(q)
		if q.List != "" {
			slices.SortFunc(got, byPlace)
		}
		if len(got) != len(want.Items) {
			t.Fatalf("%+v: got %q, want %q", q, sortKeys(got), sortKeys(want.Items))
		}
		for i := range got {
			if !same(&got[i], &want.Items[i]) {
				t.Fatalf("%+v: got %s, want %s", q, show(&got[i]), show(&want.Items[i]))
			}
		}
	}
}

// byPlace sorts entries of a list; DynamoDB leaves open how equal orders follow
// one another.
func byPlace(a, b item.Item) int {
	return cmp.Or(strings.Compare(a.IS, b.IS), strings.Compare(a.SK, b.SK))
}
