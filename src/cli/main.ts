console.log('0.1.0-test', process.version)
