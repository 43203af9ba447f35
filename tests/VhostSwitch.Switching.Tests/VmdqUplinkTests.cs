using VhostSwitch.Dataplane;
using VhostSwitch.Packets;

namespace VhostSwitch.Switching.Tests;

public sealed unsafe class VmdqUplinkTests : IDisposable
{
    private static readonly MacAddress A = MacAddress.Parse("02:00:00:00:00:0a");
    private static readonly MacAddress B = MacAddress.Parse("02:00:00:00:00:0b");

    private readonly MacTable _table = new();
    private readonly CounterBlock _counters = new();
    private readonly VmdqPools _pools;
    private readonly Wire _wire;

    public VmdqUplinkTests()
    {
        _pools = new VmdqPools(_table);
        _pools.Add(0, 7);
        _pools.Add(2, 8);
        _wire = new Wire(_counters);
    }

    public void Dispose()
    {
        _table.Dispose();
        _counters.Dispose();
    }

    [Fact]
    public void TagsWhatADeviceSendsAndLeavesTheLoanAsItWas()
    {
        using var burst = new BurstOf((B, A, 0));
        byte[] before = burst.Bytes(0);
        Send(burst, new VmdqOptions());
        Assert.Equal([.. before[..12], 0x81, 0x00, 0x03, 0xef, .. before[12..]], Assert.Single(_wire.Taken));
        Assert.Equal(before, burst.Bytes(0));
        Assert.True(burst.Burst.Frames[0].Delivered);
    }

    [Fact]
    public void KeepsTheTagOfAFrameThatHasOne()
    {
        using var burst = new BurstOf((B, A, 5));
        Send(burst, new VmdqOptions());
        Assert.Equal(burst.Bytes(0), Assert.Single(_wire.Taken));
    }

    [Fact]
    public void WhereTheUplinksSwitchDecidesTheTagIsThatOfThePool()
    {
        using var burst = new BurstOf((B, A, 5));
        Send(burst, new VmdqOptions(Vm2Vm.Hardware));
        Assert.Equal([0x81, 0x00, 0x03, 0xef], Assert.Single(_wire.Taken)[12..16]);
    }

    private void Send(BurstOf burst, VmdqOptions options)
    {
        ushort which = 0;
        Assert.Equal(1, new VmdqUplink(_wire, _pools, options).Send(burst.Burst, &which, 1));
    }

    /// <summary>Keeps every frame.</summary>
    private sealed class Wire(CounterBlock counters) : OutputQueue(0, counters)
    {
        public List<byte[]> Taken { get; } = [];

        public override bool NotificationOpen => false;

        public override void DecideNotification()
        {
        }

        public override int Send(Burst burst, ushort* which, int count)
        {
            for (int i = 0; i < count; i++)
            {
                var bytes = new byte[burst.Frames[which[i]].Length];
                fixed (byte* to = bytes)
                    FrameBytes.Copy(burst, burst.Frames + which[i], to);
                Taken.Add(bytes);
                burst.Frames[which[i]].Delivered = true;
            }
            return count;
        }
    }
}
