using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using static VhostSwitch.Linux.EthtoolStructures;

namespace VhostSwitch.Linux;

/// <summary>Who drives an interface.</summary>
/// <param name="Name">The driver's name.</param>
/// <param name="Version">Its version, often the kernel's.</param>
/// <param name="Firmware">The version of the interface's own program; empty where it has none.</param>
public sealed record InterfaceDriver(string Name, string Version, string Firmware);

/// <summary>How fast an interface is connected.</summary>
/// <param name="BitsPerSecond">Its speed.</param>
/// <param name="IsFullDuplex">It sends and receives at the same time; null where it does not tell.</param>
public sealed record InterfaceLink(long BitsPerSecond, bool? IsFullDuplex);

/// <summary>What drivers of interfaces can be asked and told, in the terms of the <c>ethtool</c> program.</summary>
/// <param name="kernel">Who answers.</param>
public sealed unsafe class Ethtool(IEthtool kernel)
{
    /// <summary>Matches every bit of a VLAN id, and neither priority nor drop eligibility: the mask that most drivers take.</summary>
    private const ushort VlanIdMask = 0x0fff;

    // More features than any kernel has; it has some 60.
    private const uint MostFeatures = 1024;

    // More rules than any interface has.
    private const uint MostRules = 1 << 16;

    /// <summary>The name of an interface's driver; null where the interface does not tell.</summary>
    /// <param name="interfaceName">The interface.</param>
    public string? Driver(string interfaceName) => DriverOf(interfaceName)?.Name;

    /// <summary>Who drives an interface; null where the interface does not tell.</summary>
    /// <param name="interfaceName">The interface.</param>
    public InterfaceDriver? DriverOf(string interfaceName)
    {
        ethtool_drvinfo info = new() { cmd = ETHTOOL_GDRVINFO };
        if (kernel.Exchange(interfaceName, Bytes(ref info)) != 0) return null;
        return new(Text(new ReadOnlySpan<byte>(info.driver, 32)), Text(new ReadOnlySpan<byte>(info.version, 32)), Text(new ReadOnlySpan<byte>(info.fw_version, 32)));
    }

    /// <summary>How fast an interface is connected; null where it is not, or does not tell.</summary>
    /// <param name="interfaceName">The interface.</param>
    public InterfaceLink? LinkOf(string interfaceName)
    {
        ethtool_cmd settings = new() { cmd = ETHTOOL_GSET };
        if (kernel.Exchange(interfaceName, Bytes(ref settings)) != 0) return null;
        uint megabits = (uint)(settings.speed_hi << 16 | settings.speed);
        if (megabits is 0 or ushort.MaxValue or SPEED_UNKNOWN) return null;
        return new(megabits * 1_000_000L, settings.duplex switch { DUPLEX_HALF => false, DUPLEX_FULL => true, _ => null });
    }

    /// <summary>How many queues of an interface receive, and how many it could have; null where it does not tell.</summary>
    /// <param name="interfaceName">The interface.</param>
    public (int Now, int Most)? Queues(string interfaceName)
    {
        ethtool_channels channels = new() { cmd = ETHTOOL_GCHANNELS };
        if (kernel.Exchange(interfaceName, Bytes(ref channels)) != 0) return null;
        // Combined channels receive and send, the others do one of both.
        return ((int)(channels.combined_count + channels.rx_count), (int)Math.Max(channels.max_combined, channels.max_rx));
    }

    /// <summary>
    /// The features of an interface that are switched on, by the kernel's names, as <c>rx-vlan-hw-parse</c>; empty where it does not tell.
    /// </summary>
    /// <param name="interfaceName">The interface.</param>
    public IReadOnlySet<string> ActiveFeatures(string interfaceName)
    {
        var active = new HashSet<string>(StringComparer.Ordinal);
        ethtool_sset_info set = new() { cmd = ETHTOOL_GSSET_INFO, sset_mask = 1ul << (int)ETH_SS_FEATURES };
        if (kernel.Exchange(interfaceName, Bytes(ref set)) != 0 || set.sset_mask == 0 || set.data is 0 or > MostFeatures) return active;
        int count = (int)set.data;
        byte[] names = new byte[sizeof(ethtool_gstrings) + (count * ETH_GSTRING_LEN)];
        MemoryMarshal.Write(names, new ethtool_gstrings { cmd = ETHTOOL_GSTRINGS, string_set = ETH_SS_FEATURES, len = set.data });
        int blocks = (count + 31) / 32;
        byte[] states = new byte[sizeof(ethtool_gfeatures) + (blocks * sizeof(ethtool_get_features_block))];
        MemoryMarshal.Write(states, new ethtool_gfeatures { cmd = ETHTOOL_GFEATURES, size = (uint)blocks });
        if (kernel.Exchange(interfaceName, names) != 0 || kernel.Exchange(interfaceName, states) != 0) return active;
        for (int i = 0; i < count; i++)
        {
            int state = sizeof(ethtool_gfeatures) + (i / 32 * sizeof(ethtool_get_features_block));
            int name = sizeof(ethtool_gstrings) + (i * ETH_GSTRING_LEN);
            var block = MemoryMarshal.Read<ethtool_get_features_block>(states.AsSpan(state));
            if ((block.active >> (i % 32) & 1) != 0) active.Add(Text(names.AsSpan(name, ETH_GSTRING_LEN)));
        }
        return active;
    }

    /// <summary>Asks whether an interface has rules by which frames are sorted into queues.</summary>
    /// <param name="interfaceName">The interface.</param>
    /// <returns>0, or the error number: <see cref="Errno.EOPNOTSUPP"/> where it has none.</returns>
    public int AskForRules(string interfaceName) => CountRules(interfaceName, out _);

    /// <summary>Has frames for an address, and where wanted with a tag, arrive at a queue.</summary>
    /// <param name="interfaceName">The interface.</param>
    /// <param name="destination">The address, 6 bytes as they are in a frame.</param>
    /// <param name="vlan">The VLAN id; null for frames whatever their tag.</param>
    /// <param name="queue">The queue.</param>
    /// <param name="rule">The rule's number at this interface.</param>
    /// <returns>0, or the error number: <see cref="Errno.EOPNOTSUPP"/> where the interface has no such rules, <see cref="Errno.ENOSPC"/> where it
    /// has no room for another.</returns>
    public int InsertRule(string interfaceName, ReadOnlySpan<byte> destination, ushort? vlan, uint queue, out uint rule)
    {
        int error = FreePlace(interfaceName, out rule);
        if (error != 0) return error;
        ethtool_rxnfc command = new() { cmd = ETHTOOL_SRXCLSRLINS };
        ref var flow = ref command.fs;
        flow.flow_type = ETHER_FLOW;
        flow.ring_cookie = queue;
        flow.location = rule;
        for (int i = 0; i < ETH_ALEN; i++)
        {
            flow.h_u.ether_spec.h_dest[i] = destination[i];
            flow.m_u.ether_spec.h_dest[i] = 0xff;
        }
        if (vlan is { } id)
        {
            flow.flow_type |= FLOW_EXT;
            flow.h_ext.vlan_tci = BinaryPrimitives.ReverseEndianness(id);
            flow.m_ext.vlan_tci = BinaryPrimitives.ReverseEndianness(VlanIdMask);
        }
        error = kernel.Exchange(interfaceName, Bytes(ref command));
        // A driver that chose the place itself has written it.
        rule = flow.location;
        return error;
    }

    /// <summary>Takes a rule away.</summary>
    /// <param name="interfaceName">The interface.</param>
    /// <param name="rule">Its number, as <see cref="InsertRule"/> gave it.</param>
    /// <returns>0, or the error number.</returns>
    public int DeleteRule(string interfaceName, uint rule)
    {
        ethtool_rxnfc command = new() { cmd = ETHTOOL_SRXCLSRLDEL };
        command.fs.location = rule;
        return kernel.Exchange(interfaceName, Bytes(ref command));
    }

    // Where the driver does not choose, the last place that is free, which is the rule that is looked at last.
    private int FreePlace(string interfaceName, out uint place)
    {
        place = RX_CLS_LOC_ANY;
        int error = CountRules(interfaceName, out var count);
        if (error != 0 || (count.data & RX_CLS_LOC_SPECIAL) != 0) return error;
        if (count.rule_cnt > MostRules) return Errno.ENOSPC;
        byte[] all = new byte[sizeof(ethtool_rxnfc) + ((int)count.rule_cnt * sizeof(uint))];
        MemoryMarshal.Write(all, new ethtool_rxnfc { cmd = ETHTOOL_GRXCLSRLALL, rule_cnt = count.rule_cnt });
        error = kernel.Exchange(interfaceName, all);
        if (error != 0) return error;
        var answer = MemoryMarshal.Read<ethtool_rxnfc>(all);
        var taken = MemoryMarshal.Cast<byte, uint>(all.AsSpan(RuleLocations, (int)Math.Min(answer.rule_cnt, count.rule_cnt) * sizeof(uint)));
        for (uint i = (uint)Math.Min(answer.data, MostRules); i-- > 0;)
        {
            if (taken.Contains(i)) continue;
            place = i;
            return 0;
        }
        return Errno.ENOSPC;
    }

    private int CountRules(string interfaceName, out ethtool_rxnfc count)
    {
        count = new() { cmd = ETHTOOL_GRXCLSRLCNT };
        return kernel.Exchange(interfaceName, Bytes(ref count));
    }

    private static Span<byte> Bytes<T>(ref T structure)
        where T : unmanaged => MemoryMarshal.AsBytes(new Span<T>(ref structure));

    private static string Text(ReadOnlySpan<byte> bytes)
    {
        int end = bytes.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? bytes : bytes[..end]);
    }
}
