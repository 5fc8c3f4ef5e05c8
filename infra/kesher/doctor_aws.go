package main

import (
	"fmt"

	"github.com/kesher-io/kesher/shared/aws/ses"
	"github.com/kesher-io/kesher/shared/aws/stage"
	"github.com/kesher-io/kesher/shared/flow/doctor"
)

// examineSES asks SES about the account and about the records that it expects,
// with the credentials of whoever calls: the stage's functions may not ask (they
// have no use for it).
func examineSES(s *session, name string, senders []string) ([]doctor.Finding, []record, error) {
	cfg, err := stage.Config(s)
	if err != nil {
		return nil, nil, err
	}
	mailer := ses.New(cfg, ses.ConfigurationSets{})
	account, err := mailer.Account(s)
	if err != nil {
		return nil, nil, err
	}
	findings := accountFindings(account, cfg.Region)
	var expected []record
	for _, domain := range senders {
		records, err := mailer.Identity(s, domain, cfg.Region)
		if err != nil {
			findings = append(findings, doctor.Finding{
				Name: "no-identity", What: err.Error(), Where: "SES in " + cfg.Region,
				Cure: fmt.Sprintf("deploy stage %s with -c domain=%s, or use a sender in the domain it has", name, domain),
			})
		}
		for _, r := range records {
			expected = append(expected, record(r))
		}
	}
	return findings, expected, nil
}

// accountFindings judges the account. Prices are SES's of November 2026, per 1,000
// mails: $0.10 without a plan, $0.16 on the plan that new accounts begin with.
func accountFindings(a ses.Account, region string) []doctor.Finding {
	where := "SES in " + region
	var findings []doctor.Finding
	if a.Sandbox {
		findings = append(findings, doctor.Finding{
			Name: "ses-sandbox", What: "the account is in the sandbox: only verified addresses can be mailed", Where: where,
			Cure: "request production access in the SES console (Account dashboard)",
		})
	}
	if !a.Enabled {
		findings = append(findings, doctor.Finding{
			Name: "ses-paused", What: "sending is paused (" + a.Health + "): messages are held, none is lost", Where: where,
			Cure: "answer AWS's review of the account; what is held leaves by itself afterwards, if it is not too late by then",
		})
	}
	if a.Plan == "ESSENTIALS" {
		findings = append(findings, doctor.Finding{
			Name: "ses-plan", What: "the account is on the default plan: $0.16 per 1,000 mails, without a plan $0.10", Where: where,
			Cure: "change the plan in the SES console, unless its features are used", Warning: true,
		})
	}
	return findings
}
