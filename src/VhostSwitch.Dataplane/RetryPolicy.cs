namespace VhostSwitch.Dataplane;

/// <summary>What to do when a receiver has no buffer left: DPDK's <c>--rx-retry</c>, <c>--rx-retry-num</c> and <c>--rx-retry-delay</c>.</summary>
/// <param name="Tries">How often to try again before frames are dropped; 0 drops at once. A poll thread begins anew whenever some were taken.</param>
/// <param name="DelayUs">How long to wait before each try, in microseconds. Other receivers get their frames meanwhile.</param>
public readonly record struct RetryPolicy(int Tries, int DelayUs)
{
    /// <summary>DPDK's defaults.</summary>
    public static readonly RetryPolicy Default = new(4, 15);
}
