// Plays the command line of DuckDB, as far as examples/duckdb uses it, over the real
// DuckDB of npm's @duckdb/node-api:
//
//	duckdb [-json] DATABASE (-f FILE | -c SQL)
//
// The rows of each SELECT are printed, one JSON array a statement.
const fs = require('node:fs')
const { DuckDBInstance } = require('@duckdb/node-api')

async function main(args) {
  const [database, how, what] = args.filter((arg) => arg !== '-json')
  const sql = how === '-f' ? fs.readFileSync(what, 'utf8') : what
  const instance = await DuckDBInstance.create(database)
  const connection = await instance.connect()
  const statements = await connection.extractStatements(sql)
  for (let i = 0; i < statements.count; i++) {
    // One statement is run as it is: a prepared one would begin to read /dev/stdin twice.
    const runner = statements.count === 1 ? connection : await statements.prepare(i)
    const rows = (await runner.runAndReadAll(runner === connection ? sql : undefined)).getRowObjectsJson()
    // As the command line does, say nothing of a statement that only counts rows.
    if (rows.length > 0 && !('Count' in rows[0])) console.log(JSON.stringify(rows))
  }
  connection.closeSync()
  instance.closeSync()
}

main(process.argv.slice(2)).catch((err) => {
  console.error(err.message)
  process.exitCode = 1
})
