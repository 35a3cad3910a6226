// Renders a chart as `helm template` does, as far as ours goes: with Go's templates and the
// functions of sprig, which Helm has too, and with Helm's own include, required, toYaml and Files.
//
//	render CHART RELEASE NAMESPACE <VALUES.yaml
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig"
	"sigs.k8s.io/yaml"
)

// files is what a chart's templates may read beside themselves.
type files string

func (folder files) Get(name string) string {
	text, err := os.ReadFile(filepath.Join(string(folder), name))
	if err != nil {
		return "" // as Helm has it
	}
	return string(text)
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "render:", err)
		os.Exit(1)
	}
}

func parse(text []byte) map[string]interface{} {
	values := map[string]interface{}{}
	fail(yaml.Unmarshal(text, &values))
	return values
}

func read(path string) []byte {
	text, err := os.ReadFile(path)
	fail(err)
	return text
}

// merge puts what somebody wants over the chart's defaults, table by table.
func merge(into, from map[string]interface{}) {
	for key, value := range from {
		table, isTable := value.(map[string]interface{})
		defaults, hasTable := into[key].(map[string]interface{})
		if isTable && hasTable {
			merge(defaults, table)
		} else {
			into[key] = value
		}
	}
}

// chartOf has the names that templates know: those of Chart.yaml with a capital letter.
func chartOf(text []byte) map[string]interface{} {
	chart := map[string]interface{}{}
	for key, value := range parse(text) {
		chart[strings.ToUpper(key[:1])+key[1:]] = value
	}
	return chart
}

func functions(all *template.Template) template.FuncMap {
	known := sprig.TxtFuncMap()
	delete(known, "env")
	delete(known, "expandenv")
	known["include"] = func(name string, data interface{}) (string, error) {
		var text bytes.Buffer
		err := all.ExecuteTemplate(&text, name, data)
		return text.String(), err
	}
	known["required"] = func(warning string, value interface{}) (interface{}, error) {
		if value == nil || value == "" {
			return nil, errors.New(warning)
		}
		return value, nil
	}
	known["toYaml"] = func(value interface{}) (string, error) {
		text, err := yaml.Marshal(value)
		return strings.TrimSuffix(string(text), "\n"), err
	}
	return known
}

func main() {
	folder, release, namespace := os.Args[1], os.Args[2], os.Args[3]
	given, err := io.ReadAll(os.Stdin)
	fail(err)
	values := parse(read(filepath.Join(folder, "values.yaml")))
	merge(values, parse(given))
	data := map[string]interface{}{
		"Values":  values,
		"Chart":   chartOf(read(filepath.Join(folder, "Chart.yaml"))),
		"Release": map[string]interface{}{"Name": release, "Namespace": namespace, "Service": "Helm"},
		"Files":   files(folder),
	}

	all := template.New("chart").Option("missingkey=zero")
	all.Funcs(functions(all))
	paths, err := filepath.Glob(filepath.Join(folder, "templates", "*"))
	fail(err)
	for _, path := range paths {
		_, err = all.New(filepath.Base(path)).Parse(string(read(path)))
		fail(err)
	}
	for _, path := range paths {
		if strings.HasPrefix(filepath.Base(path), "_") {
			continue
		}
		var text bytes.Buffer
		fail(all.ExecuteTemplate(&text, filepath.Base(path), data))
		fmt.Println("---\n" + strings.ReplaceAll(text.String(), "<no value>", ""))
	}
}
