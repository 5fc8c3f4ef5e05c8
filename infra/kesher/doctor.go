package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/kesher-io/kesher/shared/flow/doctor"
	"github.com/kesher-io/kesher/shared/flow/releases"
)

// doctorVerb is `kesher doctor`.
type doctorVerb struct {
	Port int  `env:"PORT" default:"8080" help:"Port that run would take on this machine."`
	DNS  bool `name:"dns" help:"Look also at the DNS records of the domains that mail leaves from."`
	target
	output
}

// Help ends the verb's help.
func (doctorVerb) Help() string {
	return "Each finding says what is wrong, where, and the cure. Findings make the exit code 1, warnings do not.\n\n" +
		example("kesher doctor", "kesher doctor --target aws:prod --dns")
}

// Run examines, prints what it found, and fails if there is something to cure.
func (v *doctorVerb) Run(s *session) error {
	findings, err := v.examine(s)
	if err != nil {
		return err
	}
	if v.JSON {
		err = s.print(map[string]any{"findings": append([]doctor.Finding{}, findings...)})
	} else {
		writeFindings(s, findings)
	}
	if err == nil && slices.ContainsFunc(findings, func(f doctor.Finding) bool { return !f.Warning }) {
		err = errFails
	}
	return err
}

func writeFindings(s *session, findings []doctor.Finding) {
	if len(findings) == 0 {
		fmt.Fprintln(s.out, "nothing is wrong")
	}
	for _, f := range findings {
		grade := "wrong"
		if f.Warning {
			grade = "warning"
		}
		fmt.Fprintf(s.out, "%s: %s\n  what   %s\n  where  %s\n  cure   %s\n", grade, f.Name, f.What, f.Where, f.Cure)
	}
}

func (v *doctorVerb) examine(s *session) ([]doctor.Finding, error) {
	stage, onAWS := strings.CutPrefix(v.Target, "aws:")
	var findings []doctor.Finding
	if !onAWS && v.running(s) == nil {
		findings = append(findings, v.machine()...)
		if _, err := os.Stat(filepath.Join(v.Data, "store")); err != nil {
			return append(findings, noData(v.Data, err)), nil
		}
	}
	c, err := v.connect(s, "")
	var usage usageError
	switch {
	case errors.As(err, &usage):
		return nil, err
	case err != nil:
		return append(findings, v.closed(err)), nil
	}
	answer, err := c.call(s, "GET", "/admin/v1/doctor", nil)
	if err := errors.Join(err, c.close()); err != nil {
		return append(findings, v.closed(err)), nil
	}
	var report doctor.Report
	if err := json.Unmarshal(answer, &report); err != nil {
		return nil, err
	}
	findings = append(findings, report.Findings...)
	var expected []record
	if onAWS {
		account, records, err := examineSES(s, stage, report.Senders)
		if err != nil {
			return nil, err
		}
		findings, expected = append(findings, account...), records
	}
	if v.DNS {
		findings = append(findings, examineDNS(s, net.DefaultResolver, report.Senders, expected)...)
	}
	return findings, nil
}

// machine looks at what run needs of this machine.
func (v *doctorVerb) machine() []doctor.Finding {
	var findings []doctor.Finding
	if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", v.Port)); errors.Is(err, syscall.EADDRINUSE) {
		findings = append(findings, doctor.Finding{
			Name: "port-in-use", What: fmt.Sprintf("another program listens on port %d", v.Port), Where: fmt.Sprintf("127.0.0.1:%d", v.Port),
			Cure: "stop that program, or run with another port: kesher run --port 0 picks a free one",
		})
	} else if err == nil {
		_ = l.Close() // it was only a question
	}
	if err := writable(v.Data); err != nil {
		findings = append(findings, doctor.Finding{
			Name: "read-only-data", What: fmt.Sprintf("nothing can be written here: %v", err), Where: v.Data,
			Cure: "give this user the right to write there, free the disk, or choose another folder: --data DIR",
		})
	}
	return findings
}

// writable tries to write where run would. A folder that is not there yet is
// looked for upwards.
func writable(dir string) error {
	for {
		info, err := os.Stat(dir)
		if err == nil && !info.IsDir() {
			return fmt.Errorf("%s is a file", dir)
		}
		if err == nil {
			break
		}
		parent := filepath.Dir(dir)
		if !errors.Is(err, os.ErrNotExist) || parent == dir {
			return err
		}
		dir = parent
	}
	f, err := os.CreateTemp(dir, ".kesher-doctor-*")
	if err != nil {
		return err
	}
	_, err = f.WriteString("x")
	return errors.Join(err, f.Close(), os.Remove(f.Name()))
}

func noData(dir string, err error) doctor.Finding {
	return doctor.Finding{
		Name: "no-data", What: fmt.Sprintf("there is no instance yet: %v", err), Where: dir,
		Cure: "kesher run starts one; --data DIR names another folder", Warning: true,
	}
}

// closed tells why a stage could not be asked.
func (v *doctorVerb) closed(err error) doctor.Finding {
	where := v.Target
	if where == "" {
		where = v.Data
	}
	if errors.Is(err, releases.ErrWrongSecret) {
		return doctor.Finding{
			Name: "wrong-secret", What: "this is not the secret that the data was written under", Where: filepath.Join(v.Data, "secret"),
			Cure: "restore the file from a backup of the folder: it is never rotated",
		}
	}
	return doctor.Finding{
		Name: "unreachable", What: err.Error(), Where: where,
		Cure: "as the message says; for AWS look at the credentials, the region and the stage's name",
	}
}
