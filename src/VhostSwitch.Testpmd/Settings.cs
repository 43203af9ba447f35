using VhostSwitch.Dataplane;
using VhostSwitch.Testpmd.CommandLine;
using VhostSwitch.Testpmd.Forwarding;
using VhostSwitch.Testpmd.Modes;

namespace VhostSwitch.Testpmd;

/// <summary>What commands change. Takes effect with the next <c>start</c>.</summary>
/// <param name="configuration">What it begins with.</param>
internal sealed class Settings(TestpmdConfiguration configuration)
{
    /// <summary>The forward mode.</summary>
    public ForwardMode Mode { get; set; } = configuration.Mode;

    /// <summary>True to retry where a transmit queue is full.</summary>
    public bool Retries { get; set; } = configuration.Retries;

    /// <summary>How.</summary>
    public RetryPolicy Retry { get; set; } = TestpmdConfiguration.DefaultRetry;

    /// <summary>The most frames of a burst.</summary>
    public int Burst { get; set; } = configuration.Burst;

    /// <summary>Receive queues of each port.</summary>
    public int RxQueues { get; set; } = configuration.RxQueues;

    /// <summary>Transmit queues of each port.</summary>
    public int TxQueues { get; set; } = configuration.TxQueues;

    /// <summary>Descriptors of receive queues, shown only.</summary>
    public int RxDescriptors { get; set; } = configuration.RxDescriptors;

    /// <summary>Descriptors of transmit queues, shown only.</summary>
    public int TxDescriptors { get; set; } = configuration.TxDescriptors;

    /// <summary>The processors that may forward, in order.</summary>
    public IReadOnlyList<int> Cores { get; set; } = configuration.Cores;

    /// <summary>How many of <see cref="Cores"/> do.</summary>
    public int ForwardingCores { get; set; } = configuration.ForwardingCores;

    /// <summary>The numbers of the ports that forward, in order; null for all.</summary>
    public IReadOnlyList<int>? Ports { get; set; } = configuration.Ports;

    /// <summary>Which ports are pairs.</summary>
    public PortTopology Topology { get; } = configuration.Topology;

    /// <summary>True to take and forget what arrived before a start.</summary>
    public bool FlushesInputs { get; set; } = configuration.FlushesInputs;

    /// <summary>What generated frames look like.</summary>
    public GeneratorSettings Generator { get; set; } = configuration.Generator;

    /// <summary>Above 0 a line is printed for each received frame.</summary>
    public int Verbose { get; set; }
}
