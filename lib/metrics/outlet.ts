/** Shows the metrics of one monitor somewhere: in a registry, or on a meter. */
export interface MetricsOutlet {
  /** Whoever owns it shuts down: the next one takes its place without a warning. */
  isClosing: boolean;
  /** Called when the application has started; what is published before is shown then. */
  open?(): void;
  /**
   * Shows them from now on, if it does not yet.
   *
   * @throws {@link RegistryInUseError} if somebody else's metrics are in the way
   */
  publish(): void;
  /** Shows them no more, for good. */
  withdraw(): void;
}
