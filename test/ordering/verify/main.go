// Command verify reads a log of what clients were told by several nodes and says what
// of it cannot be true in IMAP: go run ./test/ordering/verify LOG
package main

import (
	"fmt"
	"os"

	"sealpost/test/ordering"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: verify LOG")
		os.Exit(2)
	}
	file, err := os.Open(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	defer file.Close()
	log, err := ordering.ReadLog(file)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	found := ordering.Check(log)
	for _, f := range found {
		fmt.Println(f)
	}
	fmt.Println(ordering.Sum(log))
	if len(found) > 0 {
		os.Exit(1)
	}
}
