using VhostSwitch.Control.CommandLine;
using VhostSwitch.Dataplane;
using VhostSwitch.Packets;
using VhostSwitch.Testpmd.Forwarding;
using VhostSwitch.Testpmd.Modes;

namespace VhostSwitch.Testpmd.CommandLine;

/// <summary>What testpmd shall do, checked and complete: every option that was not given has its default.</summary>
internal sealed record TestpmdConfiguration
{
    /// <summary>DPDK's retries with <c>set fwd MODE retry</c>.</summary>
    public static readonly RetryPolicy DefaultRetry = new(64, 1);

    /// <summary>The EAL options: cores, devices, memory.</summary>
    public required SwitchConfiguration Eal { get; init; }

    /// <summary>The processors that forward, as far as <see cref="ForwardingCores"/> are used. At least one.</summary>
    public required IReadOnlyList<int> Cores { get; init; }

    /// <summary>How many of <see cref="Cores"/> forward.</summary>
    public int ForwardingCores { get; init; } = 1;

    /// <summary>True for a prompt.</summary>
    public bool Interactive { get; init; }

    /// <summary>True to start forwarding at once in spite of the prompt.</summary>
    public bool AutoStart { get; init; }

    /// <summary>True to give ports that are not up a moment before the first command.</summary>
    public bool WaitsForLinks { get; init; } = true;

    /// <summary>True to send a burst first.</summary>
    public bool TransmitFirst { get; init; }

    /// <summary>The seconds between two statistics screens; 0 for none.</summary>
    public int StatisticsPeriodSeconds { get; init; }

    /// <summary>True to print statistics as JSON.</summary>
    public bool Json { get; init; }

    /// <summary>A file of commands to carry out first; null for none.</summary>
    public string? CommandFile { get; init; }

    /// <summary>The numbers of the ports that forward, in order; null for all.</summary>
    public IReadOnlyList<int>? Ports { get; init; }

    /// <summary>The most frames of a burst.</summary>
    public int Burst { get; init; } = 32;

    /// <summary>Receive queues of each port.</summary>
    public int RxQueues { get; init; } = 1;

    /// <summary>Transmit queues of each port.</summary>
    public int TxQueues { get; init; } = 1;

    /// <summary>Descriptors of receive queues as asked for; 0 where the device decides.</summary>
    public int RxDescriptors { get; init; }

    /// <summary>Descriptors of transmit queues as asked for; 0 where the device decides.</summary>
    public int TxDescriptors { get; init; }

    /// <summary>The forward mode.</summary>
    public ForwardMode Mode { get; init; } = ForwardModes.All[0];

    /// <summary>True to retry where a transmit queue is full.</summary>
    public bool Retries { get; init; }

    /// <summary>Which ports are pairs.</summary>
    public PortTopology Topology { get; init; } = PortTopology.Paired;

    /// <summary>The addresses behind ports, by their numbers, that the user named.</summary>
    public IReadOnlyDictionary<int, MacAddress> Peers { get; init; } = new Dictionary<int, MacAddress>();

    /// <summary>Offloads of all ports for frames that leave.</summary>
    public ulong TxOffloads { get; init; }

    /// <summary>Offloads of all ports for frames that arrive.</summary>
    public ulong RxOffloads { get; init; }

    /// <summary>True to take and forget what arrived before a start.</summary>
    public bool FlushesInputs { get; init; } = true;

    /// <summary>What generated frames look like.</summary>
    public GeneratorSettings Generator { get; init; } = new();
}
