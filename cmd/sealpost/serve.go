package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"sealpost/config"
)

type serveCommand struct {
	settingsFile
	MovingTo string `name:"moving-to" placeholder:"SETTINGS" type:"existingfile" help:"Move all accounts to that other installation while they are served here, as sealpost migrate does without a server; it ends the move."`
}

func (cmd serveCommand) Help() string {
	return "Runs until SIGTERM or SIGINT: then it finishes what it accepted, says goodbye to mail clients and stops. " +
		"A second signal stops at once. SIGHUP does what sealpost reload does: domains, keys, certificate and log level are taken up at once.\n\n" +
		"With --moving-to, accounts go to another installation one after the other while they are served: docs/moving.md. When all are there it says so; stop it then, and run sealpost migrate."
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
	level := new(slog.LevelVar)
	on := occasions{level: level}
	if cmd.MovingTo != "" {
		if on.open, err = openMoving(cmd.MovingTo); err != nil {
			return err
		}
	}
	err = serve(ctx, settings, logger(settings.Log, c.Err, level), on)
	if inUse(err) {
		return fmt.Errorf("the data folder %s is in use: a server or a command is running on it", settings.Data)
	}
	return err
}

// newLog makes the one logger of the process, with a level that stays.
func newLog(to config.Log, w io.Writer) *slog.Logger { return logger(to, w, new(slog.LevelVar)) }

// logger makes it with a level that may be changed.
func logger(to config.Log, w io.Writer, level *slog.LevelVar) *slog.Logger {
	level.Set(logLevel(to.Level))
	options := &slog.HandlerOptions{Level: level}
	if to.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// logLevel is the level of a word that config allows.
func logLevel(word string) slog.Level {
	return map[string]slog.Level{
		"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
	}[word]
}
