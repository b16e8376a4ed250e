package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"sealpost/config"
)

type serveCommand struct{ settingsFile }

func (cmd serveCommand) Help() string {
	return "Runs until SIGTERM or SIGINT: then it finishes what it accepted, says goodbye to mail clients and stops. " +
		"A second signal stops at once. SIGHUP reads the TLS certificate again."
}

func (cmd serveCommand) Run(ctx context.Context, c console) error {
	if err := closeMouth(); err != nil {
		return fmt.Errorf("switch core dumps off: %w", err)
	}
	settings, err := config.Load(cmd.Config)
	if err != nil {
		return err
	}
	return serve(ctx, settings, newLog(settings.Log, c.Err), occasions{})
}

// newLog makes the one logger of the process.
func newLog(to config.Log, w io.Writer) *slog.Logger {
	levels := map[string]slog.Level{
		"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
	}
	options := &slog.HandlerOptions{Level: levels[to.Level]}
	if to.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
