package engine_test

import (
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/engine"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/journey"
	"github.com/kesher-io/kesher/shared/core/message"
)

// BenchmarkDecide is one input for one run, warm (QUALITY section 1: <= 2 us,
// <= 10 allocations).
func BenchmarkDecide(b *testing.B) {
	def := cart(func(d *journey.Definition) { d.Entry.Where = "event.price >= 20" })
	def.Name, def.Purpose = "cart", "marketing"
	j, problems := journey.Compile(def, journey.Names{Plan: testPlan})
	if problems != nil {
		b.Fatal(problems)
	}
	w := &world{j: j, view: engine.View{Visible: true, Zone: time.UTC}, now: t0}
	entry := w.input()
	entry.Fact = w.event("Product Added", 0, map[string]any{"price": 30.0})
	waiting, err := engine.Decide(entry)
	if err != nil {
		b.Fatal(err)
	}
	w.run = waiting.Run
	timer := w.input()
	timer.Timer = true
	sending, err := engine.Decide(timer)
	if err != nil {
		b.Fatal(err)
	}
	w.run = sending.Run
	sent := w.input()
	sent.Msg = &engine.MsgInput{V: 1, W: "w", Msg: message.Msg{ID: w.run.Out.Send.Message, Run: w.run.ID, State: message.Sent, In: ident.NewStamp(t0, 5)}}
	for name, in := range map[string]engine.Input{"entry": entry, "timer": timer, "sent": sent} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := engine.Decide(in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
