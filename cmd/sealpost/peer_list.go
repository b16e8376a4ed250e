package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
)

type peerListCommand struct {
	settingsFile
	Address string `arg:"" help:"Any address of the account."`
	JSON    bool   `name:"json" help:"Print everything as JSON."`
}

func (cmd peerListCommand) Help() string {
	return "A key is pinned when it is found first, and stays: another one that is found later is listed below it and used by " +
		"nobody until you accept it. Ask its owner, by another way than mail, whether it is theirs."
}

func (cmd peerListCommand) Run(ctx context.Context, c console) error {
	all, err := ask[[]peerView](ctx, cmd.Config, "peer.list", named{cmd.Address})
	if err != nil {
		return err
	}
	if cmd.JSON {
		return json.NewEncoder(c.Out).Encode(all)
	}
	if len(all) == 0 {
		_, err := fmt.Fprintln(c.Err, "no keys of others yet: they are found when this account writes to people, or hears from them")
		return err
	}
	changed := 0
	t := tabwriter.NewWriter(c.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ADDRESS\tKEY\tFROM\tSINCE")
	for _, p := range all {
		since := "offered, not used"
		if !p.Pinned.IsZero() {
			since = day(p.Pinned)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", printable(p.Address), spaced(p.Fingerprint), p.Source, since)
		for _, change := range p.Changes {
			changed++
			fmt.Fprintf(t, "  changed?\t%s\t%s\t%s\n", spaced(change.Fingerprint), change.Source, day(change.At))
		}
	}
	if err := t.Flush(); err != nil || changed == 0 {
		return err
	}
	_, err = fmt.Fprintf(c.Out, "\nA changed key is not used. If its owner says it is theirs:\n  sealpost peer accept %s PEER FINGERPRINT\n", cmd.Address)
	return err
}

func listPeers(ctx context.Context, o *office, n named) ([]peerView, error) {
	a, err := o.find(ctx, n.Address)
	if err != nil {
		return nil, err
	}
	all, err := o.peers.Peers(ctx, string(a.ID))
	if err != nil {
		return nil, err
	}
	views := []peerView{}
	for _, p := range all {
		views = append(views, viewPeer(p))
	}
	slices.SortFunc(views, func(x, y peerView) int { return strings.Compare(x.Address, y.Address) })
	return views, nil
}
