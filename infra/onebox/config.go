// Package onebox runs all of Kesher on one machine: the same function handlers
// as on Lambda, called with bytes of the same shape, over the embedded store, its
// stream pump, the mailbox and a clock that may run fast. It assembles; it decides
// nothing about customers.
package onebox

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Config says how to run. The command reads flags and environment; nothing here
// looks at either.
type Config struct {
	Data    string // folder
	Port    int    // 0: any free one
	Catalog string // folder to publish at start; "" = the example, if nothing is live

	Demo       bool    // play the demo, then serve
	Speed      float64 // virtual seconds per real second; 0 = 1
	EventClock bool    // one clock per customer, set by the played file
	Play       string  // NDJSON file
	Until      time.Time
	UntilIdle  bool
	// ExitWhenIdle ends after the play, with the report as the last line.
	ExitWhenIdle bool

	SMTP string // host:port of a relay; "" = the mailbox

	PublicKey, ServerKey, IdentitySecret string

	TypeformSecret string // which Typeform signs its webhooks with; "" = none are taken
}

// Defaults of the local keys.
const (
	DefaultPublicKey = "public-local"
	DefaultServerKey = "server-local"
)

func (c Config) withDefaults() Config {
	if c.Data == "" {
		c.Data = ".kesher"
	}
	if c.Speed == 0 {
		c.Speed = 1
	}
	if c.PublicKey == "" {
		c.PublicKey = DefaultPublicKey
	}
	if c.ServerKey == "" {
		c.ServerKey = DefaultServerKey
	}
	if c.IdentitySecret == "" {
		c.IdentitySecret = c.ServerKey
	}
	return c
}

// Check says what of c can't be asked for, or not together.
func (c Config) Check() error {
	switch {
	case !(c.Speed > 0 && c.Speed <= 1e6): // also when it is no number
		return fmt.Errorf("--speed %v: give virtual seconds per real second, above 0 and up to 1000000", c.Speed)
	case c.EventClock && c.Play == "" && !c.Demo:
		return errors.New("--clock event needs a file to play (add --play FILE)")
	case c.EventClock && c.Speed != 1:
		return errors.New("--clock event and --speed exclude each other: the file's times are the clock")
	case c.ExitWhenIdle && c.Play == "" && !c.Demo:
		return errors.New("--exit-when-idle needs a file to play (add --play FILE)")
	case c.Demo && c.Play != "":
		return errors.New("--demo plays its own file (leave out --play)")
	}
	return nil
}

// secret returns the machine's secret, made when the folder is new. Everything
// in the folder is keyed under it.
func secret(dir string) ([]byte, error) {
	path := filepath.Join(dir, "secret")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		key := make([]byte, 32)
		rand.Read(key) // never fails (crypto/rand)
		return key, os.WriteFile(path, []byte(hex.EncodeToString(key)+"\n"), 0o600)
	}
	if err != nil {
		return nil, err
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) < 32 {
		return nil, fmt.Errorf("%s holds no secret of 64 hex digits (restore it from a backup of the folder; without it the data can't be read)", path)
	}
	return key, nil
}

// Instance is DATA/instance.json: how the command finds the running instance.
type Instance struct {
	Address string `json:"address"`
	Token   string `json:"token"`
	PID     int    `json:"pid"`
}

// InstanceFile is its name in the data folder.
const InstanceFile = "instance.json"

// EmittedFile, in the data folder, is what stands for the EventBridge bus.
const EmittedFile = "emitted.ndjson"

func writeInstance(dir string, i Instance) error {
	text, err := json.Marshal(i)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, InstanceFile), text, 0o600)
}
