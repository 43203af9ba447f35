using FsCheck;
using FsCheck.Fluent;
using VhostSwitch.Dataplane;
using VhostSwitch.Linux;
using VhostSwitch.TestKit.Protocol;
using VhostSwitch.Vhost.Net;
using VhostSwitch.Vhost.Tests.Net;
using VhostSwitch.Vhost.User;
using VhostSwitch.Virtio;

namespace VhostSwitch.Vhost.Tests;

/// <summary>
/// Whatever bytes a guest or a front-end makes up: nothing but the announced outcomes. A fixed number of cases; where one fails, its
/// message holds the smallest case found and the seed to replay it with.
/// </summary>
public sealed unsafe class ArbitraryBytesTests
{
    private const int Cases = 2000;
    private const int RingSize = 8;

    // Good numbers, which are taken mostly, so that chains are long enough to be read; and ends of regions, what is not there, what wraps around.
    private static readonly ulong[] GoodAddresses = [RingRig.HighStart, RingRig.HighStart + 128, RingRig.Boundary - 20, RingRig.LowStart + 0x8000];

    private static readonly uint[] GoodLengths = [0, 1, 12, 32, 72, 200, 1500];

    private static readonly uint[] TableLengths = [16, 32, 48, 64];

    private static readonly ulong[] Addresses =
    [
        RingRig.HighEnd - 40,
        0xdead_0000, ulong.MaxValue - 30, RingRig.HighStart - 1,
    ];

    private static readonly uint[] Lengths = [0, 17, 48, 256, 66_000, uint.MaxValue];

    [Fact]
    public void AnySplitRingGivesWhatTheModelSays() => Check(220, bytes =>
    {
        using var rig = new RingRig(size: RingSize);
        var choices = new Choices(bytes);
        // Ring and tables of the same kinds of entries; tables lie where good addresses point to.
        for (int i = 0; i < RingSize; i++)
        {
            ushort flags = choices.Flags();
            bool table = (flags & Descriptor.Indirect) != 0 && choices.Below(8) > 0;
            ulong address = table ? RingRig.HighStart : choices.Address();
            rig.Ring.Describe(i, address, table ? choices.Of(TableLengths) : choices.Length(), flags, choices.Below(RingSize + 1));
        }
        for (int i = 0; i < RingSize; i++)
            rig.Ring.DescribeIndirect(RingRig.HighStart, i, choices.Address(), choices.Length(), choices.Flags(), choices.Below(5));
        ushort[] heads = [choices.Below(RingSize), choices.Below(RingSize), choices.Below(RingSize), choices.Below(RingSize + 1)];
        rig.Ring.Offer(heads);
        var queue = rig.Dequeue();
        queue.Receive(rig.Burst);
        var expected = heads.Select(h => ChainModel.Read(rig.Memory, rig.Ring.Place.Descriptors, RingSize, h)).ToList();
        int good = expected.TakeWhile(e => e.Fault == RingFault.None).Count();
        Assert.Equal((good, good < 4 ? expected[good].Fault : RingFault.None), (rig.Burst.Count, queue.Fault));
        for (int i = 0; i < good; i++)
        {
            int length = expected[i].Bytes.Length - 12;
            DropReason? dropped = length < 14 ? DropReason.Runt : length > 65_553 ? DropReason.Oversize : null;
            Assert.Equal(dropped, Loan.Dropped(rig.Burst, i));
            if (dropped is null) Assert.Equal(expected[i].Bytes[12..], Loan.Bytes(rig.Burst, i));
        }
        queue.Return(rig.Burst);
        Assert.Equal(heads[..good].Select(h => (uint)h), Enumerable.Range(0, good).Select(i => rig.Ring.UsedAt(i).Id));
        Assert.Equal(good, rig.Ring.UsedIndex);
    });

    [Fact]
    public void AnyBytesInAnyPartOfASplitRingAreSurvived() => Check(400, bytes =>
    {
        using var rig = new RingRig(size: RingSize);
        rig.Memory.Write(rig.Ring.Place.Descriptors, bytes.AsSpan(0, 128));
        rig.Memory.Write(rig.Ring.Place.Available, bytes.AsSpan(128, 22));
        rig.Memory.Write(rig.Ring.Place.Used, bytes.AsSpan(150, 70));
        rig.Memory.Write(RingRig.HighStart, bytes.AsSpan(220, 180));
        ushort used = rig.Ring.UsedIndex;
        var queue = rig.Dequeue();
        queue.Receive(rig.Burst);
        int count = rig.Burst.Count;
        queue.Return(rig.Burst);
        Assert.Equal((ushort)(used + count), rig.Ring.UsedIndex);
    });

    [Fact]
    public void AnyPackedRingIsGivenBackUpToWhereItBreaks() => Check(220, bytes =>
    {
        using var rig = new PackedRig(size: 7, start: 4);
        var choices = new Choices(bytes);
        for (int i = 0; i < 7; i++)
        {
            ushort marks = (ushort)(choices.Below(4) == 0 ? choices.Below(4) << 14 : i < 4 ? 0x8000 : 0x80);
            ushort flags = (ushort)(choices.Flags() | marks);
            rig.Ring.Entry(i) = new() { Address = choices.Address(), Length = choices.Length(), Id = choices.Below(9), Flags = flags };
        }
        for (int i = 0; i < RingSize; i++)
            rig.DescribeIndirect(RingRig.HighStart, i, choices.Address(), choices.Length(), choices.Flags());
        byte[] before = rig.Memory.Read(rig.Ring.RingAddress, 7 * 16);
        var queue = rig.Dequeue();
        queue.Receive(rig.Burst);
        Assert.Equal(before, rig.Memory.Read(rig.Ring.RingAddress, 7 * 16));
        // As many chains as were lent, by the flag that links them, are passed; the entry of each is used, with its last one's id.
        ulong at = 4;
        for (int i = 0; i < rig.Burst.Count; i++, at++)
        {
            while ((rig.Ring.Entry((int)(at % 7)).Flags & Descriptor.HasNext) != 0)
                at++;
        }
        Assert.InRange(at, 4ul, 11ul);
        queue.Return(rig.Burst);
        Assert.Equal(rig.Ring.PositionOf(at).Value, (ushort)queue.Base);
    });

    [Fact]
    public void AnyMessageIsCarriedOutOrRefused() => Check(300, bytes =>
    {
        using var rig = new DeviceRig();
        rig.Device.SetProtocolFeatures(DeviceOptions.BasicProtocolFeatures);
        var handler = new RequestHandler(rig.Device, _ => throw new VhostException("no socket here"));
        var (frontEnd, backEnd) = UnixSocket.Pair();
        using (frontEnd)
        using (backEnd)
        using (var reader = new MessageReader(backEnd))
        using (var eventFd = EventFd.Create())
        {
            var choices = new Choices(bytes);
            for (int i = 0; i < 6; i++)
            {
                uint request = choices.Below(45);
                int length = new[] { 0, 8, 8, 8, 16, 24, 32, 40 }[choices.Below(8)];
                byte[] payload = choices.Take(length);
                // Half of the rings and numbers are small ones.
                if (length >= 8 && choices.Below(2) == 0) payload.AsSpan(1, 7).Clear();
                frontEnd.Send(Payload.Message(request, 1, (uint)length, payload), choices.Below(3) == 0 ? [eventFd.Number] : []);
                try
                {
                    Assert.Equal(SocketOutcome.Done, reader.TryRead());
                    _ = handler.Handle((FrontEndRequest)reader.Header.Request, reader.Payload, reader.Descriptors);
                }
                catch (VhostException e)
                {
                    Assert.NotEmpty(e.Message);
                }
            }
        }
    });

    private static void Check(int length, Action<byte[]> holds)
    {
        var bytes = Gen.Choose(0, 255).Select(i => (byte)i).ArrayOf(length);
        Prop.ForAll(bytes.ToArbitrary(), b => holds(b)).Check(Config.QuickThrowOnFailure.WithMaxTest(Cases));
    }

    // Turns bytes into decisions; where they run out, they begin anew.
    private sealed class Choices(byte[] bytes)
    {
        private int _at;

        public ushort Below(int count) => (ushort)(Next() % count);

        public ulong Address() => Next() < 230 ? Of(GoodAddresses) : Of(Addresses);

        public uint Length() => Next() < 230 ? Of(GoodLengths) : Of(Lengths);

        public T Of<T>(T[] among) => among[Below(among.Length)];

        // Mostly plain or linked, sometimes more.
        public ushort Flags() => (ushort)(Next() is var b && b < 160 ? b & 1 : b < 200 ? Descriptor.Indirect : b & 7);

        public byte[] Take(int count) => [.. Enumerable.Range(0, count).Select(_ => Next())];

        private byte Next() => bytes[_at++ % bytes.Length];
    }
}
