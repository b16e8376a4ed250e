package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"sealpost/config"
)

type checkCommand struct {
	settingsFile
	Local bool `help:"Read the settings alone, and ask no database, bucket or server."`
}

func (cmd checkCommand) Help() string {
	return "Reads the configuration as serve would, and the TLS certificate it names. " +
		"Every mistake is told with its line and what was expected there. Of a node it tries what all nodes share as well: " +
		"it asks the database, writes, reads and removes an object in each bucket, and connects to NATS."
}

func (cmd checkCommand) Run(ctx context.Context, c console) error {
	settings, err := config.Load(cmd.Config)
	if err != nil {
		return err
	}
	if settings.Cluster.On() {
		if err := clusterable(settings); err != nil {
			return err
		}
	}
	if f, on := balancersFinding(settings); on && f.State != well {
		fmt.Fprintf(c.Err, "warning: %s: %s\n", f.Text, f.Fix)
	}
	if err := cmd.certificate(settings, c); err != nil || cmd.Local || !settings.Cluster.On() {
		return err
	}
	all := in(partShared, sharedFindings(ctx, settings)...)
	printFindings(c.Out, style(c), all)
	if ill(all) {
		return errIll
	}
	return nil
}

// certificate says what there is, and looks at the certificate.
func (cmd checkCommand) certificate(settings config.Config, c console) error {
	if settings.ACME.On {
		_, err := fmt.Fprintf(c.Out, "%s is well: %s for %s, data in %s, certificates by ACME\n",
			cmd.Config, settings.Hostname, strings.Join(settings.Domains, ", "), settings.Data)
		return err
	}
	cert, err := loadCertificate(settings.TLS)
	if err != nil {
		return err
	}
	if err := cert.Leaf.VerifyHostname(settings.Hostname); err != nil {
		fmt.Fprintf(c.Err, "warning: the TLS certificate is not for %s\n", settings.Hostname)
	}
	if now := time.Now(); now.After(cert.Leaf.NotAfter) || now.Before(cert.Leaf.NotBefore) {
		fmt.Fprintf(c.Err, "warning: the TLS certificate is valid only from %s to %s\n", day(cert.Leaf.NotBefore), day(cert.Leaf.NotAfter))
	}
	_, err = fmt.Fprintf(c.Out, "%s is well: %s for %s, data in %s, certificate valid until %s\n",
		cmd.Config, settings.Hostname, strings.Join(settings.Domains, ", "), settings.Data, day(cert.Leaf.NotAfter))
	return err
}
