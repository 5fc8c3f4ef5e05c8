package onebox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kesher-io/kesher/shared/flow/report"
)

// Run serves until ctx ends; with ExitWhenIdle it plays, reports and returns.
// What a person or a program reads goes to out, diagnostics to diag.
func Run(ctx context.Context, c Config, out, diag io.Writer) error {
	c = c.withDefaults()
	if err := c.Check(); err != nil {
		return err
	}
	l, err := listen(c.Port)
	if err != nil {
		return err
	}
	defer l.Close()
	base := "http://" + l.Addr().String()
	b, err := Open(ctx, c, base, out, shortLog(diag))
	if err != nil {
		return err
	}
	err = b.run(ctx, func(ctx context.Context) error { return serve(ctx, l, b.routes()) })
	return errors.Join(err, b.Close())
}

// run starts everything that moves: the server, the stream, the clock, the
// mailbox's reports, and the play.
func (b *Box) run(ctx context.Context, server func(context.Context) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	work, ctx := errgroup.WithContext(ctx)
	instance := filepath.Join(b.config.Data, InstanceFile)
	if err := writeInstance(b.config.Data, Instance{Address: b.base, Token: b.admin, PID: os.Getpid()}); err != nil {
		return err
	}
	defer os.Remove(instance)
	work.Go(func() error { return server(ctx) })
	b.greet()
	live := func() {
		work.Go(func() error { return b.tick(ctx) })
		work.Go(func() error { return b.handReports(ctx) })
	}
	if !b.playsEvents() {
		live()
	}
	work.Go(func() error {
		if err := b.play(ctx); err != nil {
			return err
		}
		if b.config.ExitWhenIdle {
			stop()
		} else if b.playsEvents() {
			live()
		}
		return nil
	})
	if err := work.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	if b.config.ExitWhenIdle && b.played {
		return b.printReport(context.WithoutCancel(ctx))
	}
	return nil
}

// playsEvents: while it plays, each customer has her own clock, and only the
// player moves time.
func (b *Box) playsEvents() bool { return b.config.EventClock || !b.demo.Done }

func (b *Box) greet() {
	fmt.Fprintf(b.out, "kesher: public key %s\n", b.config.PublicKey)
	fmt.Fprintf(b.out, "kesher: server key %s\n", b.config.ServerKey)
	fmt.Fprintf(b.out, "kesher: ready %s\n", b.base)
	fmt.Fprintln(b.out, "kesher: times are UTC")
}

// tick starts the function clock every virtual minute, and at least every
// second, as nobody likes to wait for a minute at a terminal.
func (b *Box) tick(ctx context.Context) error {
	every := min(time.Second, max(time.Duration(float64(time.Minute)/b.config.Speed), 20*time.Millisecond))
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if _, err := b.functions.clock(ctx, []byte("{}")); err != nil && ctx.Err() == nil {
			b.log.Error("clock", "error", err)
		}
	}
}

// handReports hands over what the mailbox's receiving side says.
func (b *Box) handReports(ctx context.Context) error {
	for {
		if err := b.mailbox.Work(ctx); err != nil && ctx.Err() == nil {
			b.log.Error("mailbox report", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-b.mailbox.Waiting():
		}
	}
}

// drain returns when everything stored has been worked, reports about mails
// included.
func (b *Box) drain(ctx context.Context) error {
	for {
		if err := b.pump.Drain(ctx); err != nil {
			return err
		}
		select {
		case <-b.mailbox.Waiting():
			if err := b.mailbox.Work(ctx); err != nil {
				return err
			}
		default:
			return nil
		}
	}
}

// printReport counts what happened from the items, on one line.
func (b *Box) printReport(ctx context.Context) error {
	intake, err := b.Intake(ctx)
	if err != nil {
		return err
	}
	r, err := (&report.Service{Store: b.items, Releases: b.releases}).Recount(ctx, intake)
	if err != nil {
		return err
	}
	return json.NewEncoder(b.out).Encode(r)
}
