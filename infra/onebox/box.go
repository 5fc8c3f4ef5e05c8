package onebox

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/kesher-io/kesher/shared/aws/httpapi"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/token"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/publish"
	"github.com/kesher-io/kesher/shared/flow/releases"
	localclock "github.com/kesher-io/kesher/shared/local/clock"
	"github.com/kesher-io/kesher/shared/local/embedded"
	"github.com/kesher-io/kesher/shared/local/mailbox"
	"github.com/kesher-io/kesher/shared/local/pump"
)

// Box is Kesher assembled on one machine.
type Box struct {
	config   Config
	out      io.Writer // what a person reads
	log      *slog.Logger
	base     string // address customers and the narrator use
	admin    string // admin token
	store    *embedded.Store
	items    flow.Store // the store as the flows see it
	dues     *dues      // watches items; nil where no file is played
	clock    *localclock.Clock
	tokens   flow.Tokens
	keys     ident.Keys
	ring     token.Keyring
	releases *releases.Releases
	mailbox  *mailbox.Mailbox
	pump     *pump.Pump
	narrator *narrator
	metrics  metrics
	played   bool
	demo     demoState

	functions functions
	flows     flows
}

// Open assembles everything over the data folder, without listening. base is
// the address that links in mails get.
func Open(ctx context.Context, c Config, base string, out io.Writer, log *slog.Logger) (_ *Box, err error) {
	c = c.withDefaults()
	if err := c.Check(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return nil, fmt.Errorf("data folder: %w (choose another with --data, or make it writable)", err)
	}
	b := &Box{config: c, out: out, log: log, base: base, tokens: &tokens{}, narrator: newNarrator(out, base)}
	if b.clock, err = localclock.Open(filepath.Join(c.Data, "clock.json"), c.Speed); err != nil {
		return nil, err
	}
	if b.store, err = embedded.Open(filepath.Join(c.Data, "store"), embedded.Options{
		Now: b.clock.NowOf,
		// A play can be played again: it need not outlive the machine, only the process.
		NoFsync: c.EventClock && c.ExitWhenIdle,
	}); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.Close())
		}
	}()
	if err := b.unlock(); err != nil {
		return nil, err
	}
	b.mailbox, err = mailbox.Open(filepath.Join(c.Data, "mailbox"), mailbox.Options{Report: b.report})
	if err != nil {
		return nil, err
	}
	if err := b.watch(ctx); err != nil {
		return nil, err
	}
	b.releases = releases.New(b.items, b.keys, b.clock.Real)
	if err := b.assemble(); err != nil {
		return nil, err
	}
	if err := b.publish(ctx); err != nil {
		return nil, err
	}
	return b, b.start(ctx)
}

// start sets the clocks of an interrupted play, by which its undelivered changes
// are to be worked, and begins to read the stream.
func (b *Box) start(ctx context.Context) (err error) {
	if b.demo, err = b.demoBegun(ctx); err != nil {
		return err
	}
	if b.playsEvents() {
		known, err := b.clocks(ctx)
		if err != nil {
			return err
		}
		b.clock.Play(known)
	}
	if b.config.Demo || b.config.Play == "" {
		b.flows.advance.Record = b.narrator.decided
	}
	b.pump, err = pump.Start(b.store, b.mappings(), pump.Options{Failures: filepath.Join(b.config.Data, "failures"), Log: b.log})
	return err
}

// watch has a player know what is due for whom. Nobody else asks, and a machine
// with a million waiting runs is ready without.
func (b *Box) watch(ctx context.Context) (err error) {
	b.items = b.store
	if b.config.Play == "" && !b.config.Demo {
		return nil
	}
	b.dues, err = watchDues(ctx, b.store)
	b.items = b.dues
	return err
}

// unlock makes every key out of the machine's secret.
func (b *Box) unlock() error {
	key, err := secret(b.config.Data)
	if err != nil {
		return err
	}
	b.keys = ident.NewKeys(key)
	links := sha256.Sum256(append([]byte("links"), key...))
	ring, err := token.NewKeyring("1", map[string][]byte{"1": links[:]})
	if err != nil {
		return err
	}
	b.ring = ring.ForStack(b.keys.Check())
	admin := make([]byte, 24)
	rand.Read(admin) // never fails (crypto/rand)
	b.admin = hex.EncodeToString(admin)
	return nil
}

// Admin is the console function, as the command reaches it, with its token.
func (b *Box) Admin() (h http.Handler, token string) {
	return httpapi.Gateway(b.functions.console), b.admin
}

// Close finishes what is in hand and releases the folder.
func (b *Box) Close() error {
	var errs []error
	if b.pump != nil {
		errs = append(errs, b.pump.Stop(context.Background()))
	}
	if b.mailbox != nil {
		errs = append(errs, b.mailbox.Close())
	}
	if b.store != nil {
		errs = append(errs, b.store.Close())
	}
	return errors.Join(errs...)
}

// tokens is the machine's source of new things. Seq is real time in microseconds,
// pushed on where two calls fall into one, so that it grows across restarts.
type tokens struct{ last atomic.Int64 }

func (t *tokens) Seq() int64 {
	for {
		last := t.last.Load()
		next := max(last+1, time.Now().UnixMicro())
		if t.last.CompareAndSwap(last, next) {
			return next
		}
	}
}

func (t *tokens) Token() string { return rand.Text()[:16] }

func (t *tokens) Secret(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails (crypto/rand)
	return b
}

// Forget removes what the machine keeps of an erased customer besides her items:
// when both consumers have seen the erasure, her mails, her changes in the log
// and every freed byte.
func (b *Box) Forget(ctx context.Context, customer string, partitions []string) error {
	if err := b.pump.Drain(ctx); err != nil {
		return err
	}
	if err := b.mailbox.Forget(ctx, customer); err != nil {
		return err
	}
	return b.store.Forget(ctx, partitions...)
}

// shortLog keeps diagnostics on one line each, without the time that a person
// at the terminal knows.
func shortLog(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelWarn, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
}

// publish publishes the catalog that the command names, or the example into an
// empty folder.
func (b *Box) publish(ctx context.Context) error {
	files, name := exampleCatalog(), "the example catalog"
	if b.config.Catalog != "" {
		files, name = os.DirFS(b.config.Catalog), b.config.Catalog
	} else if _, err := b.releases.Live(ctx); !errors.Is(err, flow.ErrNoRelease) {
		return err
	}
	candidate, problems := publish.Compile(files)
	if candidate == nil {
		return &CatalogError{Name: name, Problems: problems}
	}
	service := publish.Service{Store: b.items, Clock: b.clock, Tokens: b.tokens, Keys: b.keys}
	base, err := service.Live(ctx)
	if err != nil {
		return err
	}
	changed, err := service.Publish(ctx, candidate, base)
	if err != nil {
		return err
	}
	if changed {
		fmt.Fprintf(b.out, "kesher: published %s (release %s)\n", name, candidate.ID())
	}
	return nil
}

// CatalogError: the catalog that was to be published has faults.
type CatalogError struct {
	Name     string
	Problems []publish.Problem
}

func (e *CatalogError) Error() string {
	lines := []string{fmt.Sprintf("%s is not published:", e.Name)}
	for _, p := range e.Problems {
		lines = append(lines, p.String())
	}
	return strings.Join(lines, "\n")
}
