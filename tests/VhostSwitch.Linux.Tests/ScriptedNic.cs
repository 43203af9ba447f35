using System.Buffers.Binary;

namespace VhostSwitch.Linux.Tests;

/// <summary>An interface with a table of rules, which reads its orders by the offsets that the C compiler has for them.</summary>
internal sealed class ScriptedNic(int places) : IEthtool
{
    private const int CountRules = 0x2e, AllRules = 0x30, DeleteRule = 0x31, InsertRule = 0x32;
    private const int Data = 8, FlowType = 16, Destination = 20, Tag = 82, DestinationMask = 92, TagMask = 154, Queue = 168, Place = 176, Count = 184,
        Places = 188;
    private const uint ChoosesItself = 0x80000000;

    public SortedDictionary<uint, Rule> Rules { get; } = [];

    /// <summary>True where the interface chooses the place of a rule.</summary>
    public bool Chooses { get; init; }

    public int Exchange(string interfaceName, Span<byte> command)
    {
        Assert.True(command.Length >= 192);
        switch (Read(command, 0))
        {
            case CountRules:
                Write(command, Count, (uint)Rules.Count);
                Write(command, Data, (uint)places | (Chooses ? ChoosesItself : 0));
                return 0;
            case AllRules:
                Assert.True(command.Length >= Places + (Rules.Count * 4));
                Assert.Equal((uint)Rules.Count, Read(command, Count));
                Write(command, Data, (uint)places);
                foreach ((uint place, int i) in Rules.Keys.Select((place, i) => (place, i)))
                    Write(command, Places + (i * 4), place);
                return 0;
            case InsertRule:
                uint at = Read(command, Place);
                if (at == uint.MaxValue)
                {
                    Assert.True(Chooses);
                    at = (uint)Rules.Count;
                    Write(command, Place, at);
                }
                Rules.Add(at, new Rule(Read(command, FlowType), Hex(command, Destination, 6), Hex(command, DestinationMask, 6), Hex(command, Tag, 2),
                    Hex(command, TagMask, 2),
                    BinaryPrimitives.ReadUInt64LittleEndian(command[Queue..])));
                return 0;
            case DeleteRule:
                return Rules.Remove(Read(command, Place)) ? 0 : Errno.ENOENT;
            default:
                return Errno.EOPNOTSUPP;
        }
    }

    private static uint Read(Span<byte> command, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(command[offset..]);

    private static void Write(Span<byte> command, int offset, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(command[offset..], value);

    private static string Hex(Span<byte> command, int offset, int length) => Convert.ToHexStringLower(command.Slice(offset, length));

    internal sealed record Rule(uint FlowType, string Destination, string DestinationMask, string Tag, string TagMask, ulong Queue);
}
