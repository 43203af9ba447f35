namespace VhostSwitch.Dataplane.Tests;

/// <summary>Frames that leave by several ports, or otherwise than they came in.</summary>
public sealed class RouteTests
{
    private const int FrameLength = 60;

    // The tags of VLAN 10 and 20 as they lie in a frame, first byte lowest.
    private const uint Ten = 0x0a00_0081, Twenty = 0x1400_0081;

    [Fact]
    public void EachPortGetsTheFrameAsItsRouteHasIt()
    {
        using var rig = Routing(_ => [To(1), To(2) with { Pushed = 1, Outer = Ten }, To(3) with { Pushed = 2, Outer = Ten, Inner = Twenty }], ports: 4);
        byte[] frame = Content(0);
        var outputs = Run(rig, 3, 1);
        Assert.Equal(frame, Assert.Single(outputs[0]));
        Assert.Equal([.. frame[..12], 0x81, 0, 0, 10, .. frame[12..]], Assert.Single(outputs[1]));
        Assert.Equal([.. frame[..12], 0x81, 0, 0, 10, 0x81, 0, 0, 20, .. frame[12..]], Assert.Single(outputs[2]));
    }

    [Fact]
    public void APortMayGetAFrameMoreThanOnce()
    {
        using var rig = Routing(_ => [To(1) with { Pushed = 1, Outer = Ten }, To(1), To(1) with { Pushed = 1, Outer = Twenty }], ports: 2);
        var left = Run(rig, 1, 40)[0];
        Assert.Equal(Enumerable.Range(0, 40).SelectMany(i => new[] { i, i, i }), left.Select(Number));
        Assert.Equal([10, 7, 20], left.Take(3).Select(bytes => bytes[15]));
    }

    [Fact]
    public void APortGetsItsFramesInTheOrderInWhichTheyCame()
    {
        using var rig = Routing(
            token => token % 3 == 1 ? [To(1), To(2) with { Pushed = 1, Outer = Ten }] : [],
            ports: 4,
            token => (token % 3) switch { 0 => (ushort)2, 1 => Frame.Routed, _ => Frame.Flood });
        var outputs = Run(rig, 3, 300);
        Assert.Equal(Enumerable.Range(0, 300).Where(i => i % 3 != 0), outputs[0].Select(Number));
        Assert.Equal(Enumerable.Range(0, 300), outputs[1].Select(Number));
        Assert.Equal(Enumerable.Range(0, 300).Where(i => i % 3 == 2), outputs[2].Select(Number));
    }

    [Fact]
    public void ACopyMayBeShorter()
    {
        using var rig = Routing(_ => [To(1) with { SnapLength = 20 }, To(2), To(3) with { Pushed = 1, Outer = Ten, SnapLength = 40 }], ports: 4);
        var outputs = Run(rig, 3, 1);
        Assert.Equal([20, FrameLength, 40], outputs.Select(output => output[0].Length));
        Assert.Equal(Content(0)[..20], outputs[0][0]);
    }

    [Fact]
    public unsafe void AFrameIsDeliveredOnceAndDroppedOnlyWhereNobodyTakesIt()
    {
        using var rig = Routing(token => token % 2 == 0 ? [To(1), To(2)] : [To(2)], ports: 3);
        Run(rig, 1, 10);
        var counters = rig.Inputs[0].Counters;
        Assert.Equal((5ul, 5ul), (counters->Delivered, counters->Drops(DropReason.UnknownDestination)));
    }

    /// <summary>A frame in many small pieces is the same for the second port as for the first.</summary>
    [Theory]
    [InlineData(14, 16, 40)]
    [InlineData(6, 9, 30)]
    [InlineData(1, 2, 3)]
    [InlineData(17, 19, 21)]
    public void AFrameInPiecesIsGivenBackAsItWas(params int[] cuts)
    {
        using var frames = new LentFrames();
        byte[] bytes = Content(0);
        frames.Add(bytes, default, cuts);
        var burst = frames.Burst;
        unsafe
        {
            foreach (var (popped, pushed) in new[] { (0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1), (2, 2) })
            {
                var before = burst.Frames[0];
                var tags = VlanTag.Replace(burst, 0, popped, pushed, Ten, Twenty);
                byte[] put = [.. new byte[] { 0x81, 0, 0, 10, 0x81, 0, 0, 20 }.Take(4 * pushed)];
                Assert.Equal([.. bytes[..12], .. put, .. bytes[(12 + (4 * popped))..]], LentFrames.Bytes(burst, 0));
                tags.Undo(burst);
                burst.Frames[0] = before;
                Assert.Equal(bytes, LentFrames.Bytes(burst, 0));
            }
        }
    }

    private static FrameRoute To(ushort port) => new() { Port = port };

    private static Rig Routing(Func<ushort, FrameRoute[]> routes, int ports, Func<ushort, ushort>? script = null)
    {
        var rig = new Rig(script ?? (_ => Frame.Routed), ports);
        rig.Forwarder.Routes = routes;
        return rig;
    }

    /// <summary>Gives frames to port 0 and tells what left by each of the others.</summary>
    private static List<byte[]>[] Run(Rig rig, int outputs, int frames)
    {
        var input = rig.Input(0, new FakeInput { Content = token => (Content(token), default) });
        FakeOutput[] made = [.. Enumerable.Range(1, outputs).Select(port => rig.Output(port, new FakeOutput { Contents = [] }))];
        rig.Run(input, frames);
        return [.. made.Select(output => output.Contents!.Select(content => content.Bytes).ToList())];
    }

    private static byte[] Content(int number)
    {
        byte[] bytes = [.. Enumerable.Range(0, FrameLength).Select(i => (byte)i)];
        (bytes[12], bytes[13], bytes[14], bytes[15]) = (0x81, 0, 0, 7);
        (bytes[^2], bytes[^1]) = ((byte)(number >> 8), (byte)number);
        return bytes;
    }

    private static int Number(byte[] bytes) => (bytes[^2] << 8) | bytes[^1];
}
