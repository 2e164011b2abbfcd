/** Jest has to end by itself, since the library holds nothing open. This timer does not keep it alive. */
module.exports = () => {
  setTimeout(() => {
    console.error('Jest did not end by itself within 60 seconds.');
    process.exit(1);
  }, 60_000).unref();
};
