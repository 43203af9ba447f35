using VhostSwitch.Packets;
using VhostSwitch.TestKit.Guest;
using VhostSwitch.Virtio;
using VhostSwitch.Virtio.Split;

namespace VhostSwitch.Vhost.Tests.Net;

/// <summary>
/// The sender changes its memory while the device works on it. Whatever the device saw must be one thing: what was checked is
/// what is used (DPDK 285e6b8b18, CVE-2020-14375).
/// </summary>
public sealed unsafe class ReadOnceTests
{
    private const int Rounds = 20_000;

    [Fact]
    public void WhatWasDecidedOnIsWhatIsSent()
    {
        foreach (int cut in new[] { 0, 5, 13 })
        {
            using var sender = new RingRig();
            using var receiver = new RingRig(ring: 0);
            var input = sender.Dequeue();
            var output = receiver.Enqueue();
            byte[] frame = NumberedFrame.Make(new MacAddress(0x0a02), new MacAddress(0x0b02), 1);
            ulong at = sender.Put(sender.WithHeader(frame));
            if (cut == 0) sender.Ring.Describe(0, at, 76);
            else sender.Ring.DescribeChain(0, 0, (at, 12u + (uint)cut), (at + 12 + (ulong)cut, 64u - (uint)cut));
            sender.Ring.Offer(0);
            ulong buffer = receiver.Allocate(200);
            receiver.Ring.Describe(0, buffer, 200, Descriptor.Write);
            receiver.Ring.Offer(0);
            input.Receive(sender.Burst);
            // The switching stage has looked at the addresses; now the sender names others.
            sender.Memory.Write(at + 12, [.. Enumerable.Repeat((byte)0xff, 14), 0xff, 0xff]);
            ushort which = 0;
            output.Send(sender.Burst, &which, 1);
            Assert.Equal(frame[..16], receiver.Memory.Read(buffer + 12, 16));
        }
    }

    [Fact]
    public void Dpdk285e6b8b18AHeaderThatChangesIsReadOnce()
    {
        using var rig = new RingRig(Features.Version1 | Features.Csum | Features.HostTso4);
        ulong at = rig.Put(rig.WithHeader(new byte[60]));
        ulong split = rig.Put(rig.WithHeader(new byte[60]));
        rig.Ring.Describe(0, at, 72);
        rig.Ring.DescribeChain(1, 0, (split, 3u), (split + 3, 69u));
        var good = new NetHeader { Flags = NetHeader.NeedsCsum, CsumStart = 34, CsumOffset = 16 };
        var bad = new NetHeader { Flags = NetHeader.NeedsCsum, CsumStart = 60_000, CsumOffset = 65_000, GsoType = NetHeader.GsoTcpV4 };
        var header = (NetHeader*)rig.Memory.At(at);
        var splitHeader = (NetHeader*)rig.Memory.At(split);
        var queue = rig.Dequeue();
        using var flipper = new Flipper(i => *header = *splitHeader = i % 2 == 0 ? good : bad);
        for (int i = 0; i < Rounds; i++)
        {
            rig.Ring.Offer(0, 1);
            queue.Receive(rig.Burst);
            Assert.Equal(2, rig.Burst.Count);
            for (int f = 0; f < 2; f++)
            {
                var frame = rig.Burst.Frames[f];
                if (Loan.Dropped(rig.Burst, f) is not null) continue;
                Assert.True((frame.Offload.Flags & NetHeader.NeedsCsum) == 0 || frame.Offload.CsumStart + frame.Offload.CsumOffset + 2 <= frame.Length);
                Assert.True(frame.Offload.GsoType == 0 || frame.Offload.GsoSize != 0);
            }
            queue.Return(rig.Burst);
        }
    }

    [Fact]
    public void Cve202014375ADescriptorThatChangesIsReadOnce()
    {
        using var rig = new RingRig();
        ulong at = rig.Allocate(4096), table = rig.Allocate(16);
        nuint from = (nuint)rig.Memory.At(at), to = from + 4096;
        var good = new Descriptor { Address = at, Length = 72 };
        var bad = new Descriptor { Address = 0xdead_0000, Length = uint.MaxValue };
        var longer = new Descriptor { Address = at, Length = 4096 };
        var direct = (Descriptor*)rig.Ring.Descriptors;
        var indirect = (Descriptor*)rig.Memory.At(table);
        rig.Ring.Describe(1, table, 16, Descriptor.Indirect);
        using var flipper = new Flipper(i => *direct = *indirect = (i % 3) switch { 0 => good, 1 => bad, _ => longer });
        for (int i = 0; i < Rounds; i++)
        {
            rig.Ring.StartAt(0);
            rig.Ring.Offer(0, 1);
            var queue = rig.Dequeue();
            queue.Receive(rig.Burst);
            for (int f = 0; f < rig.Burst.Count; f++)
            {
                var frame = rig.Burst.Frames[f];
                if (Loan.Dropped(rig.Burst, f) is not null) continue;
                Assert.InRange((nuint)frame.Data, from, to);
                Assert.InRange((nuint)frame.Data + frame.DataLength, from, to);
                Assert.Equal(frame.Length, frame.DataLength);
            }
        }
    }

    [Fact]
    public void AReceiveBufferThatChangesIsReadOnce()
    {
        using var rig = new RingRig(ring: 0);
        ulong at = rig.Allocate(4096);
        // The last bytes of the memory: a length or an address used after another one was checked would be seen in the guard.
        ulong end = RingRig.HighEnd - 76;
        var good = new Descriptor { Address = at, Length = 4096, Flags = Descriptor.Write };
        var last = new Descriptor { Address = end, Length = 76, Flags = Descriptor.Write };
        var direct = (Descriptor*)rig.Ring.Descriptors;
        ulong frame = rig.Put(new byte[2000]);
        Loan.Add(rig.Burst, default, ((nuint)rig.Memory.At(frame), 64u));
        Loan.Add(rig.Burst, default, ((nuint)rig.Memory.At(frame), 2000u));
        var which = stackalloc ushort[] { 0, 1 };
        using var flipper = new Flipper(i => *direct = i % 2 == 0 ? good : last);
        for (int i = 0; i < Rounds; i++)
        {
            rig.Ring.StartAt(0);
            rig.Ring.Offer(0, 0);
            rig.Enqueue().Send(rig.Burst, which, 2);
        }
        Assert.True(rig.Memory.GuardsAreIntact);
    }

    [Fact]
    public void Cve202013759AnIndexThatChangesIsNeverSeenTorn()
    {
        using var rig = new RingRig(size: 256, first: 0x00ff);
        rig.Ring.Describe(0, rig.Allocate(72), 72);
        var queue = rig.Dequeue();
        // 0x00ff and 0x0100: torn they would be 0x0000 or 0x01ff, both too far ahead.
        ushort* index = (ushort*)rig.Ring.Available + 1;
        using var flipper = new Flipper(i => RingOrder.PublishIndex(index, (ushort)(i % 2 == 0 ? 0x00ff : 0x0100)));
        for (int i = 0; i < Rounds; i++)
        {
            queue.Receive(rig.Burst);
            Assert.InRange(rig.Burst.Count, 0, 1);
            Assert.Equal(RingFault.None, queue.Fault);
        }
    }

    /// <summary>A thread that changes memory as fast as it can.</summary>
    private sealed class Flipper : IDisposable
    {
        private readonly Thread _thread;
        private volatile bool _stop;

        public Flipper(Action<int> flip)
        {
            _thread = new Thread(() =>
            {
                for (int i = 0; !_stop; i++)
                    flip(i & int.MaxValue);
            })
            { IsBackground = true };
            _thread.Start();
        }

        public void Dispose()
        {
            _stop = true;
            _thread.Join();
        }
    }
}
