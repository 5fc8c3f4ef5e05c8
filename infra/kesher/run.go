package main

import (
	"time"

	"github.com/kesher-io/kesher/infra/onebox"
)

// runVerb is `kesher run`; its flags are those of CONTRACTS section 1.
type runVerb struct {
	Port    int    `env:"PORT" default:"8080" help:"Port on 127.0.0.1; 0 picks a free one and prints it."`
	Data    string `env:"DATA" default:".kesher" help:"Folder that everything is kept in (default .kesher)." placeholder:"DIR"`
	Catalog string `help:"Catalog folder to publish at start. Without it an empty data folder gets the example." placeholder:"DIR" type:"existingdir"`
	Demo    bool   `help:"Play the demo, a shop's days, then serve."`

	Speed        float64 `default:"1" help:"Virtual seconds per real second: business time alone runs faster."`
	Clock        string  `default:"wall" enum:"wall,event" help:"wall, or event: each customer has a clock of her own, set by the played file."`
	Play         string  `help:"Play a file of tracking calls, one JSON object a line." placeholder:"FILE" type:"existingfile"`
	Until        string  `help:"With --clock event: where all clocks stop, a time like 2026-11-24T09:00:00Z, or idle (default: the file's latest timestamp)." placeholder:"TIME|idle"`
	ExitWhenIdle bool    `help:"End when the file is played and nothing is due; the last line is the report."`

	SMTP  string `name:"smtp" help:"Send through this relay instead of keeping mails in the mailbox." placeholder:"HOST:PORT"`
	Store string `default:"embedded" enum:"embedded" help:"Where items are kept: embedded."`

	PublicKey      string `env:"KESHER_PUBLIC_KEY" hidden:""`
	ServerKey      string `env:"KESHER_SERVER_KEY" hidden:""`
	IdentitySecret string `env:"KESHER_IDENTITY_SECRET" hidden:""`
	TypeformSecret string `env:"KESHER_TYPEFORM_SECRET" hidden:""`
}

// Help ends the verb's help.
func (runVerb) Help() string {
	return `Keys and secrets come from the environment: KESHER_PUBLIC_KEY (public-local), KESHER_SERVER_KEY (server-local), KESHER_IDENTITY_SECRET (the server key), KESHER_TYPEFORM_SECRET (none: its webhooks are refused).

` + example(
		"kesher run --demo",
		"kesher run --speed 3600 --catalog ./catalog",
		"kesher run --clock event --catalog ./catalog --play history.ndjson --exit-when-idle",
	)
}

// Run serves until it is told to stop.
func (v *runVerb) Run(s *session) error {
	config, err := v.config()
	if err != nil {
		return err
	}
	return onebox.Run(s, config, s.out, s.err)
}

func (v *runVerb) config() (onebox.Config, error) {
	c := onebox.Config{
		Data: v.Data, Port: v.Port, Catalog: v.Catalog, Demo: v.Demo, Speed: v.Speed, EventClock: v.Clock == "event",
		Play: v.Play, ExitWhenIdle: v.ExitWhenIdle, SMTP: v.SMTP,
		PublicKey: v.PublicKey, ServerKey: v.ServerKey, IdentitySecret: v.IdentitySecret, TypeformSecret: v.TypeformSecret,
	}
	if v.Port < 0 || v.Port > 65535 {
		return c, usagef("--port %d: ports go from 0 to 65535", v.Port)
	}
	if err := c.Check(); err != nil {
		return c, usageError{err}
	}
	if v.Catalog != "" {
		if err := (folder{Dir: v.Catalog}).check(); err != nil {
			return c, err
		}
	}
	var err error
	c.Until, c.UntilIdle, err = v.until()
	return c, err
}

func (v *runVerb) until() (at time.Time, idle bool, err error) {
	switch {
	case v.Until == "":
		return at, false, nil
	case v.Clock != "event":
		return at, false, usagef("--until needs --clock event: without it time does not stop")
	case v.Until == "idle":
		return at, true, nil
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if at, err = time.Parse(layout, v.Until); err == nil {
			return at, false, nil
		}
	}
	return at, false, usagef("--until %q is no time like 2026-11-24T09:00:00Z, nor idle", v.Until)
}
