package mailbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/testkit/mailertest"
)

func open(t testing.TB, dir string, opts Options) *Mailbox {
	t.Helper()
	m, err := Open(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func TestMailerConforms(t *testing.T) {
	mailertest.Run(t, func(t *testing.T) mailertest.Harness {
		m := open(t, t.TempDir(), Options{})
		arrived := func() (out []mailertest.Arrival) {
			list, err := m.List(t.Context(), Filter{Limit: 1000})
			if err != nil {
				t.Fatal(err)
			}
			for _, msg := range list {
				out = append(out, mailertest.Arrival{From: msg.From, To: msg.To, Raw: msg.Raw, Tags: map[string]string{
					"kesher_message": msg.ID, "kesher_customer": msg.Customer, "kesher_journey": msg.Journey,
				}})
			}
			return out
		}
		return mailertest.Harness{
			Mailer: m, Arrived: arrived, Tries: func() int { return len(arrived()) },
		}
	})
}

// sample is a mail of customer c to an address.
func sample(t testing.TB, id, customer, to string) flow.Mail {
	t.Helper()
	at := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	raw, err := message.Compose(message.Composition{
		From: "Shop <news@shop.example>", To: to, Subject: "שלום & <b>welcome</b>", Date: at, MessageID: id,
		HTML: `<html><head></head><body><a href="https://shop.example/?a=1&amp;b=2">x</a><a href="https://shop.example/?a=1&amp;b=2">y</a><a href="mailto:a@b.example">z</a></body></html>`,
		Text: "Marker-" + customer + "\n", UnsubscribeURL: "https://k.example/u/1", Marketing: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return flow.Mail{
		ID: id, Customer: customer, Journey: "cart", Step: "send", Run: "run-" + id, Purpose: "marketing",
		From: "news@shop.example", To: to, Raw: raw, At: at,
	}
}

func send(t testing.TB, m *Mailbox, mail flow.Mail) {
	t.Helper()
	if _, err := m.Send(t.Context(), mail); err != nil {
		t.Fatal(err)
	}
}

func TestAMessageSentTwiceIsKeptOnce(t *testing.T) {
	m := open(t, t.TempDir(), Options{})
	mail := sample(t, "m1.0", "c1", "dana@shop.example")
	var wg sync.WaitGroup
	ids := make([]string, 20)
	for i := range ids {
		wg.Go(func() { ids[i], _ = m.Send(t.Context(), mail) })
	}
	wg.Wait()
	for _, id := range ids {
		if id != ids[0] || id == "" {
			t.Fatalf("ids %v", ids)
		}
	}
	if n, _ := m.Count(t.Context()); n != 1 {
		t.Fatalf("%d mails are kept", n)
	}
}

func TestMailsOutliveTheProcess(t *testing.T) {
	dir := t.TempDir()
	m := open(t, dir, Options{})
	send(t, m, sample(t, "m1.0", "c1", "dana@shop.example"))
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	m = open(t, dir, Options{})
	if there, err := m.Has(t.Context(), "m1.0"); err != nil || !there {
		t.Fatalf("there %v, error %v", there, err)
	}
	if there, _ := m.Has(t.Context(), "m2.0"); there {
		t.Fatal("a mail that was never sent is there")
	}
	send(t, m, sample(t, "m2.0", "c1", "dana@shop.example"))
	list, err := m.List(t.Context(), Filter{})
	if err != nil || len(list) != 2 || list[0].ID != "m1.0" || list[1].ID != "m2.0" {
		t.Fatalf("list %v, error %v", list, err)
	}
}

func TestListIsOldestFirstAndGoesOnAfterAMail(t *testing.T) {
	m := open(t, t.TempDir(), Options{})
	for i := range 5 {
		mail := sample(t, fmt.Sprintf("m%d.0", i), "c1", "dana@shop.example")
		if i == 3 {
			mail.To, mail.Journey = "noa@shop.example", "welcome"
		}
		send(t, m, mail)
	}
	tests := []struct {
		filter Filter
		want   string
	}{
		{Filter{}, "m0.0 m1.0 m2.0 m3.0 m4.0 "},
		{Filter{Limit: 2}, "m0.0 m1.0 "},
		{Filter{After: "m1.0", Limit: 2}, "m2.0 m3.0 "},
		{Filter{After: "m4.0"}, ""},
		{Filter{To: "noa@shop.example"}, "m3.0 "},
		{Filter{Journey: "cart", After: "m2.0"}, "m4.0 "},
		{Filter{Newest: true, Limit: 2}, "m4.0 m3.0 "},
		{Filter{Newest: true, After: "m3.0", Limit: 2}, "m2.0 m1.0 "},
	}
	for _, test := range tests {
		list, err := m.List(t.Context(), test.filter)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, msg := range list {
			got += msg.ID + " "
		}
		if got != test.want {
			t.Errorf("%+v: %q, want %q", test.filter, got, test.want)
		}
	}
	if _, err := m.List(t.Context(), Filter{After: "nobody"}); err == nil {
		t.Error("an unknown mail to go on after was taken")
	}
}

func TestA35ForgottenMailsLeaveNoByte(t *testing.T) {
	dir := t.TempDir()
	m := open(t, dir, Options{})
	for i := range 50 {
		send(t, m, sample(t, fmt.Sprintf("m%d.0", i), fmt.Sprintf("c%d", i%2), fmt.Sprintf("c%d@bounce.example", i%2)))
	}
	if !onDisk(t, dir, "Marker-c1") {
		t.Fatal("the scan does not find what is there")
	}
	for range 2 { // twice does no harm
		if err := m.Forget(t.Context(), "c1"); err != nil {
			t.Fatal(err)
		}
	}
	if onDisk(t, dir, "Marker-c1") || onDisk(t, dir, "c1@bounce.example") {
		t.Fatal("bytes of a forgotten customer are on the disk")
	}
	if n, _ := m.Count(t.Context()); n != 25 {
		t.Fatalf("%d mails of the other customer are left", n)
	}
	if there, _ := m.Has(t.Context(), "m1.0"); there {
		t.Fatal("a forgotten mail is there")
	}
	if n, _ := m.Pending(); n != 25 {
		t.Fatalf("%d reports wait", n)
	}
}

func onDisk(t *testing.T, dir, marker string) bool {
	t.Helper()
	found := false
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if errors.Is(err, os.ErrNotExist) || d != nil && d.IsDir() {
			return nil
		}
		b, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) { // the engine tidies up meanwhile
			return nil
		}
		found = found || bytes.Contains(b, []byte(marker))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestAFullDiskIsSurelyNotAccepted(t *testing.T) {
	m := open(t, t.TempDir(), Options{Reserve: 1 << 62})
	_, err := m.Send(t.Context(), sample(t, "m1.0", "c1", "dana@shop.example"))
	var e *flow.SendError
	if !errors.As(err, &e) || e.Outcome != flow.OutcomeNotAccepted {
		t.Fatalf("error %v", err)
	}
}

func TestFolderOfAnotherProcessIsRefusedWithTheReason(t *testing.T) {
	dir := t.TempDir()
	open(t, dir, Options{})
	if _, err := Open(dir, Options{}); err == nil {
		t.Fatal("opened twice")
	}
}

func TestReportsOfTestAddressesAreHandedOverOnce(t *testing.T) {
	dir := t.TempDir()
	refuse := true
	var got []string
	opts := Options{Report: func(_ context.Context, r Report) error {
		if refuse {
			return errors.New("busy")
		}
		got = append(got, string(r.Kind)+" "+r.Message.ID)
		return nil
	}}
	m := open(t, dir, opts)
	send(t, m, sample(t, "m1.0", "c1", "x@bounce.example"))
	send(t, m, sample(t, "m2.0", "c2", "x@Complaint.example"))
	send(t, m, sample(t, "m3.0", "c3", "x@shop.example"))
	select {
	case <-m.Waiting():
	default:
		t.Fatal("no signal")
	}
	if err := m.Work(t.Context()); err == nil {
		t.Fatal("a report that was not taken is forgotten")
	}
	if err := m.Close(); err != nil { // a crash between loses none
		t.Fatal(err)
	}
	m, refuse = open(t, dir, opts), false
	for range 2 {
		if err := m.Work(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if fmt.Sprint(got) != "[bounce m1.0 complaint m2.0]" {
		t.Fatalf("reports %v", got)
	}
	if n, err := m.Pending(); n != 0 || err != nil {
		t.Fatalf("%d reports wait, error %v", n, err)
	}
}

// BenchmarkSend is durable mails per second with as many senders as deliver has.
func BenchmarkSend(b *testing.B) {
	m := open(b, b.TempDir(), Options{})
	mail := sample(b, "m.0", "c1", "dana@shop.example")
	mail.Raw = append(mail.Raw, bytes.Repeat([]byte("x"), 20<<10)...)
	b.SetParallelism(32)
	var mu sync.Mutex
	n := 0
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			mu.Lock()
			n++
			mine := mail
			mine.ID = fmt.Sprintf("m%d.0", n)
			mu.Unlock()
			if _, err := m.Send(b.Context(), mine); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "mails/s")
}
