using System.Runtime.Intrinsics;
using VhostSwitch.Dataplane;
using VhostSwitch.Ports.NetNull;
using VhostSwitch.TestKit.Host;

namespace VhostSwitch.Ports.Tests.NetNull;

public sealed unsafe class NullDeviceTests : IDisposable
{
    private readonly DeviceRig _rig = new();

    [Fact]
    public void TakesFramesAndGivesNoneByDefault()
    {
        var device = _rig.Add("net_null0");
        Assert.Equal("up: takes frames", device.Status);
        Assert.True(device.Port.Inputs.IsEmpty);
        using var loan = new FrameLoan(TestFrames.Many(5));
        Assert.Equal(5, loan.SendBy(device.Port.Outputs[0]));
        Assert.All(Enumerable.Range(0, 5), i => Assert.True(loan.Burst.Frames[i].Delivered));
        Assert.Equal((5ul, (ulong)TestFrames.Many(5).Sum(f => f.Length)), (DeviceRig.Sent(device), device.OutputCounters[0].Counters->Bytes));
    }

    [Theory]
    [InlineData("size=64,no-rx=0", 64)]
    [InlineData("no-rx=0", 64)]
    [InlineData("size=1518,no-rx=0,copy=1", 1518)]
    [InlineData("size=65553,no-rx=0,copy=1", 65_553)]
    public void GivesFramesOfZerosWithoutEnd(string arguments, int length)
    {
        var from = _rig.Add($"net_null0,{arguments}");
        var to = _rig.Add("net_null1,copy=1");
        _rig.Wire(from, to);
        Assert.Equal($"up: gives frames of {length} bytes", from.Status);
        Until.True(() => DeviceRig.Sent(to) > 10_000, "frames");
        _rig.Remove(from);
        Assert.Equal(DeviceRig.Sent(to) * (ulong)length, to.OutputCounters[0].Counters->Bytes);
        Assert.Equal(0, _rig.Plane.Threads[0].AllocatedBytes);
    }

    [Fact]
    public void ItsFramesAreWholeOnesOfZeros()
    {
        using var counters = new CounterBlock();
        using var burst = new Burst();
        using var memory = new FrameMemory(0).Take((nuint)NullInput.MemoryLength(20));
        var input = new NullInput(memory.Address, 20, copies: true, counters);
        input.Receive(burst);
        Assert.Equal(Burst.MaxFrames, burst.Count);
        for (int i = 0; i < burst.Count; i++)
        {
            Assert.Equal(new byte[20], FrameLoan.Bytes(burst, i));
            Assert.Equal(Vector128<byte>.Zero, burst.Frames[i].Snapshot);
            Assert.Equal(Frame.Undecided, burst.Frames[i].Output);
        }
        Assert.True(burst.Frames[31].Data + 20 <= memory.Address + NullInput.MemoryLength(20));
    }

    [Fact]
    public void ACopyIsOfTheWholeFrame()
    {
        using var counters = new CounterBlock();
        byte[] into = new byte[NullOutput.MemoryLength];
        byte[] frame = TestFrames.Numbered(1, 65_553);
        using var loan = new FrameLoan(frame);
        fixed (byte* at = into)
        {
            var output = new NullOutput(at, counters);
            // Without it the data plane would finish the frame before.
            Assert.Equal(OffloadKinds.All, output.Takes);
            Assert.Equal(1, loan.SendBy(output));
        }
        Assert.Equal(frame, into[..frame.Length]);
    }

    [Theory]
    [InlineData("net_null0,size=15", "net_null0: size=15 was given, a number from 16 to 65553 is allowed")]
    [InlineData("net_null0,copy=2", "net_null0: copy=2 was given, 0 or 1 is allowed")]
    [InlineData("net_null0,rx=1", "net_null0: 'rx' is no argument of net_null; it takes size, copy, no-rx")]
    public void RefusesArgumentsThatDoNotFit(string vdev, string error) =>
        Assert.Equal(error, Assert.Throws<PortException>(() => _rig.Make(vdev)).Message);

    public void Dispose() => _rig.Dispose();
}
