namespace VhostSwitch.Testpmd.Modes;

/// <summary>The forward modes there are, and those that testpmd knows and this one has not.</summary>
internal static class ForwardModes
{
    /// <summary>The old name of mac mode with retries (DPDK until 16.04).</summary>
    public const string MacRetry = "mac_retry";

    /// <summary>All modes; the first one is the default.</summary>
    public static readonly IReadOnlyList<ForwardMode> All =
    [
        new IoMode(), new MacMode(), new MacSwapMode(), new FlowGenMode(), new RxOnlyMode(), new TxOnlyMode(), new ChecksumMode(), new IcmpEchoMode(),
        new FiveTupleSwapMode(),
    ];

    /// <summary>The mode that <c>tx_first</c> sends with.</summary>
    public static readonly TxOnlyMode TxOnly = All.OfType<TxOnlyMode>().Single();

    private static readonly Dictionary<string, string> NotBuilt = new()
    {
        ["noisy"] = "it simulates the memory accesses of a network function; use io",
        ["recycle_mbufs"] = "there is no buffer pool to recycle into; use io",
        ["shared-rxq"] = "receive queues belong to one port each; use io",
        ["shared_rxq"] = "receive queues belong to one port each; use io",
        ["ieee1588"] = "ports give no time stamps; leave it out",
    };

    /// <summary>The names for messages.</summary>
    public static string Names => string.Join('|', All.Select(mode => mode.Name));

    /// <summary>Finds a mode.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="retries">True for the old name of a mode that retries.</param>
    /// <exception cref="TestpmdException">There is none of that name.</exception>
    public static ForwardMode Find(string name, out bool retries)
    {
        retries = name == MacRetry;
        string wanted = retries ? "mac" : name;
        if (All.FirstOrDefault(mode => mode.Name == wanted) is { } found) return found;
        throw new TestpmdException(NotBuilt.TryGetValue(name, out string? reason)
            ? $"forward mode {name} is not built: {reason}"
            : $"Invalid {name} packet forwarding mode; there are {Names}");
    }
}
