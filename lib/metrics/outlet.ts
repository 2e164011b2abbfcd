/** Shows the metrics of one monitor somewhere: in a registry, or on a meter. */
export interface MetricsOutlet {
  /** The owner shuts down, so the next outlet may take over without a warning. */
  isClosing: boolean;
  /** Called when the application has started. From then on the outlet shows published metrics. */
  open?(): void;
  /**
   * Starts to show the metrics, if it does not show them yet.
   *
   * @throws {@link RegistryInUseError} if another owner's metric has one of the names
   */
  publish(): void;
  /** Stops showing the metrics for good. */
  withdraw(): void;
}
