namespace VhostSwitch.Control.CommandLine;

/// <summary>
/// How large the switch's own memory is and where it lies: <c>-m</c>, <c>--socket-mem</c>, <c>--huge-dir</c>,
/// <c>--no-huge</c>.
/// </summary>
public sealed record MemoryOptions
{
    /// <summary>Nothing was asked for: the switch takes what it needs.</summary>
    public static readonly MemoryOptions Default = new();

    /// <summary>The size in MiB, all NUMA nodes together; 0 when the user left it to the switch.</summary>
    public int TotalMiB => PerNodeMiB.Sum();

    /// <summary>
    /// The size in MiB for each NUMA node, in the order of the nodes; one entry for <c>-m</c>, none when the user left it to the
    /// switch.
    /// </summary>
    public IReadOnlyList<int> PerNodeMiB { get; init; } = [];

    /// <summary>Where hugetlbfs is mounted; null for any mount. Not checked here.</summary>
    public string? HugeDirectory { get; init; }

    /// <summary>False with <c>--no-huge</c>: normal pages only.</summary>
    public bool UseHugePages { get; init; } = true;
}
