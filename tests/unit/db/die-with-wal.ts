import Sqlite from 'better-sqlite3'

/** Writes version 9 into the -wal of a file and dies, as a newer program might. */
const connection = new Sqlite(process.argv[2])
connection.pragma('wal_autocheckpoint = 0')
connection.pragma('user_version = 9')
process.kill(process.pid, 'SIGKILL')
