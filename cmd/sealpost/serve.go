package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"sealpost/config"
	"sealpost/storage/bolt"
)

type serveCommand struct{ settingsFile }

func (cmd serveCommand) Help() string {
	return "Runs until SIGTERM or SIGINT: then it finishes what it accepted, says goodbye to mail clients and stops. " +
		"A second signal stops at once. SIGHUP reads domains, TLS certificate and DKIM keys again; other settings take a restart."
}

func (cmd serveCommand) Run(ctx context.Context, c console) error {
	if err := closeMouth(); err != nil {
		return fmt.Errorf("switch core dumps off: %w", err)
	}
	settings, err := config.Load(cmd.Config)
	if err != nil {
		return err
	}
	if err := ownFolder(settings.Data); err != nil {
		return err
	}
	err = serve(ctx, settings, newLog(settings.Log, c.Err), occasions{})
	if errors.Is(err, bolt.ErrInUse) {
		return fmt.Errorf("the data folder %s is in use: a server or a command is running on it", settings.Data)
	}
	return err
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
