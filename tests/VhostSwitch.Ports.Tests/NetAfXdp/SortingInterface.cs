using System.Buffers.Binary;
using VhostSwitch.Linux;

namespace VhostSwitch.Ports.Tests.NetAfXdp;

/// <summary>
/// An interface that sorts frames by rules, and chooses the places of rules itself. It reads its orders by the offsets of the kernel's structures.
/// </summary>
internal sealed class SortingInterface : IEthtool
{
    private const uint Channels = 0x3c, CountRules = 0x2e, DeleteRule = 0x31, InsertRule = 0x32, ChoosesItself = 0x80000000;
    private const int CombinedNow = 32, Data = 8, Destination = 20, Tag = 82, Queue = 168, Place = 176;

    private uint _next = 7;

    public int Queues { get; init; } = 4;

    /// <summary>How many rules it has room for.</summary>
    public int Room { get; init; } = 100;

    /// <summary>What it answers to every rule; 0 to take it.</summary>
    public int Error { get; init; }

    /// <summary>False where it knows no rules.</summary>
    public bool Sorts { get; init; } = true;

    public Dictionary<uint, Rule> Rules { get; } = [];

    public int Exchange(string interfaceName, Span<byte> command)
    {
        switch (BinaryPrimitives.ReadUInt32LittleEndian(command))
        {
            case Channels:
                BinaryPrimitives.WriteUInt32LittleEndian(command[CombinedNow..], (uint)Queues);
                return 0;
            case CountRules when Sorts:
                BinaryPrimitives.WriteUInt32LittleEndian(command[Data..], ChoosesItself);
                return 0;
            case InsertRule when Error == 0 && Rules.Count == Room:
                return Errno.ENOSPC;
            case InsertRule when Sorts:
                if (Error != 0) return Error;
                Rules.Add(_next, new Rule(Convert.ToHexStringLower(command.Slice(Destination, 6)), BinaryPrimitives.ReadUInt16BigEndian(command[Tag..]),
                    (int)BinaryPrimitives.ReadUInt64LittleEndian(command[Queue..])));
                BinaryPrimitives.WriteUInt32LittleEndian(command[Place..], _next++);
                return 0;
            case DeleteRule when Sorts:
                return Rules.Remove(BinaryPrimitives.ReadUInt32LittleEndian(command[Place..])) ? 0 : Errno.ENOENT;
            default:
                return Errno.EOPNOTSUPP;
        }
    }

    internal sealed record Rule(string Destination, int Vlan, int Queue);
}
