package main

import (
	"fmt"

	"sealpost/config"
)

type configCommand struct{}

func (configCommand) Run(c console) error {
	_, err := fmt.Fprint(c.Out, config.Sample())
	return err
}
