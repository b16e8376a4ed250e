package main

import (
	"context"
	"fmt"
	"os"

	"sealpost/pgp"
)

type peerPinCommand struct {
	settingsFile
	Address string `arg:"" help:"Any address of the account."`
	Peer    string `arg:"" help:"The correspondent's address."`
	Key     string `arg:"" type:"existingfile" help:"Their public key."`
}

func (cmd peerPinCommand) Run(ctx context.Context, c console) error {
	key, err := os.ReadFile(cmd.Key)
	if err != nil {
		return err
	}
	v, err := ask[peerView](ctx, cmd.Config, "peer.pin", aboutPeer{Account: cmd.Address, Peer: cmd.Peer, Key: key})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.Out, "Mail to %s is encrypted to %s.\n", v.Address, spaced(v.Fingerprint))
	return err
}

func pinPeer(ctx context.Context, o *office, w aboutPeer) (peerView, error) {
	a, peer, err := o.pair(ctx, w)
	if err != nil {
		return peerView{}, err
	}
	cert, err := pgp.ParseCert(w.Key)
	if err != nil {
		return peerView{}, fmt.Errorf("read key: %w", err)
	}
	if err := o.newFinder().Pin(ctx, string(a.ID), peer, cert); err != nil {
		return peerView{}, err
	}
	return o.peer(ctx, a, peer)
}
