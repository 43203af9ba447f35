using System.Buffers.Binary;
using VhostSwitch.Linux;
using VhostSwitch.Packets;
using VhostSwitch.Ports.NetAfXdp;

namespace VhostSwitch.Ports.Tests.NetAfXdp;

public sealed class FlowSteeringTests
{
    private static readonly MacAddress Address = MacAddress.Parse("02:00:00:00:00:17");

    [Fact]
    public void GivesTheRulesNumber()
    {
        var interfaceOf4 = new Answers(0);
        Assert.Null(new FlowSteering(new Ethtool(interfaceOf4)).TryAddMacVlanFilter("eth1", Address, 100, 3, out uint rule));
        Assert.Equal(Answers.Place, rule);
        Assert.Equal("020000000017", interfaceOf4.Destination);
        Assert.Null(new FlowSteering(new Ethtool(interfaceOf4)).RemoveFilter("eth1", rule));
    }

    [Theory]
    [InlineData(Errno.EOPNOTSUPP, "eth1 cannot sort frames into queues; try ethtool -K eth1 ntuple on")]
    [InlineData(Errno.EINVAL, "eth1 cannot sort frames by address and VLAN id into queues; try ethtool -K eth1 ntuple on")]
    [InlineData(Errno.ENOSPC, "eth1 has no room for another rule; ethtool -n eth1 shows those it has")]
    [InlineData(Errno.EPERM, "no right to change eth1: CAP_NET_ADMIN is needed")]
    [InlineData(Errno.EBUSY, "eth1 refused the rule: Device or resource busy")]
    public void SaysWhyThereIsNoRule(int error, string sentence) =>
        Assert.Equal(sentence, new FlowSteering(new Ethtool(new Answers(error))).TryAddMacVlanFilter("eth1", Address, 100, 3, out _));

    [Theory]
    [InlineData(0, 3, "0 is no VLAN id")]
    [InlineData(4095, 3, "4095 is no VLAN id")]
    [InlineData(100, 4, "eth1 has 4 queues, so none of number 4")]
    public void RefusesWhatCannotBe(int vlan, int queue, string sentence) =>
        Assert.StartsWith(sentence, new FlowSteering(new Ethtool(new Answers(0))).TryAddMacVlanFilter("eth1", Address, vlan, queue, out _),
            StringComparison.Ordinal);

    /// <summary>An interface with four queues that chooses the places of rules, and answers each with the same error.</summary>
    private sealed class Answers(int error) : IEthtool
    {
        public const uint Place = 7;
        private const uint Channels = 0x3c, CountRules = 0x2e, DeleteRule = 0x31, InsertRule = 0x32, ChoosesItself = 0x80000000;

        public string Destination { get; private set; } = "";

        public int Exchange(string interfaceName, Span<byte> command)
        {
            switch (BinaryPrimitives.ReadUInt32LittleEndian(command))
            {
                case Channels:
                    BinaryPrimitives.WriteUInt32LittleEndian(command[32..], 4);
                    return 0;
                case CountRules:
                    BinaryPrimitives.WriteUInt32LittleEndian(command[8..], ChoosesItself);
                    return 0;
                case InsertRule:
                    Destination = Convert.ToHexStringLower(command.Slice(20, 6));
                    BinaryPrimitives.WriteUInt32LittleEndian(command[176..], Place);
                    return error;
                case DeleteRule:
                    return BinaryPrimitives.ReadUInt32LittleEndian(command[176..]) == Place ? 0 : Errno.ENOENT;
                default:
                    return Errno.EOPNOTSUPP;
            }
        }
    }
}
