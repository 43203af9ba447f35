namespace VhostSwitch.Dataplane.Tests;

public sealed class DeliveryTests
{
    [Fact]
    public void GivesAFrameToTheOutputOfItsPort()
    {
        using var rig = new Rig(_ => 1, ports: 3);
        var input = rig.Input(0, new FakeInput());
        var right = rig.Output(1, new FakeOutput());
        var wrong = rig.Output(2, new FakeOutput());
        rig.Run(input, 100);
        Assert.Equal(Enumerable.Range(0, 100).Select(i => (ushort)i), right.Tokens);
        Assert.Empty(wrong.Tokens);
    }

    [Fact]
    public void FloodsToEveryPortButTheOneItCameFrom()
    {
        using var rig = new Rig(_ => Frame.Flood, ports: 3);
        var input = rig.Input(1, new FakeInput());
        var outputs = Enumerable.Range(0, 3).Select(port => rig.Output(port, new FakeOutput())).ToArray();
        rig.Run(input, 10);
        Assert.Equal([10, 0, 10], outputs.Select(o => o.Count));
    }

    [Fact]
    public unsafe void KeepsTheOrderOfFloodsAndUnicastsThatMix()
    {
        using var rig = new Rig(token => (token % 5) switch { 0 => Frame.Flood, 1 or 3 => 1, 2 => 2, _ => Frame.DroppedFor(DropReason.SamePort) }, ports: 3);
        var input = rig.Input(0, new FakeInput());
        var first = rig.Output(1, new FakeOutput());
        var second = rig.Output(2, new FakeOutput());
        rig.Run(input, 1000);
        Assert.Equal(Enumerable.Range(0, 1000).Where(i => i % 5 is 0 or 1 or 3).Select(i => (ushort)i), first.Tokens);
        Assert.Equal(Enumerable.Range(0, 1000).Where(i => i % 5 is 0 or 2).Select(i => (ushort)i), second.Tokens);
        Assert.Equal(200ul, input.Counters->Drops(DropReason.SamePort));
        Assert.Equal(800ul, input.Counters->Delivered);
        Assert.Equal(1000ul, input.Counters->Frames);
        Assert.Equal(60_000ul, input.Counters->Bytes);
    }

    [Fact]
    public void KeepsTheOrderOfUnicastsToManyPorts()
    {
        using var rig = new Rig(token => (ushort)(1 + (token % 4)), ports: 5);
        var input = rig.Input(0, new FakeInput());
        var outputs = Enumerable.Range(1, 4).Select(port => rig.Output(port, new FakeOutput())).ToArray();
        rig.Run(input, 1000);
        for (int o = 0; o < 4; o++)
            Assert.Equal(Enumerable.Range(0, 1000).Where(i => i % 4 == o).Select(i => (ushort)i), outputs[o].Tokens);
    }

    [Fact]
    public void KeepsAQueueOfAPortOnTheSameQueueOfTheOther()
    {
        using var rig = new Rig(_ => 1, ports: 2);
        var inputs = Enumerable.Range(0, 3).Select(index => rig.Input(0, new FakeInput(index))).ToArray();
        var outputs = Enumerable.Range(0, 2).Select(index => rig.Output(1, new FakeOutput(index))).ToArray();
        for (int i = 0; i < 3; i++)
            rig.Run(inputs[i], 10 + i);
        Assert.Equal([22, 11], outputs.Select(o => o.Count));
    }

    [Fact]
    public unsafe void CountsAFrameForAPortThatIsDown()
    {
        using var rig = new Rig(_ => 1, ports: 2);
        var input = rig.Input(0, new FakeInput());
        rig.Run(input, 5);
        Assert.Equal(5ul, input.Counters->Drops(DropReason.ReceiverDown));
    }

    [Fact]
    public unsafe void CountsAFrameForAPortThatIsGone()
    {
        using var rig = new Rig(_ => 77, ports: 2);
        var input = rig.Input(0, new FakeInput());
        rig.Run(input, 5);
        Assert.Equal(5ul, input.Counters->Drops(DropReason.ReceiverDown));
    }

    [Fact]
    public unsafe void CountsAFrameForAPortThatIsGoneAlsoBesideAFlood()
    {
        using var rig = new Rig(token => token % 2 == 0 ? Frame.Flood : (ushort)77, ports: 2);
        var input = rig.Input(0, new FakeInput());
        rig.Output(1, new FakeOutput());
        rig.Run(input, 10);
        Assert.Equal(5ul, input.Counters->Drops(DropReason.ReceiverDown));
    }

    [Fact]
    public unsafe void CountsAFloodThatFindsNoOtherPort()
    {
        using var rig = new Rig(_ => Frame.Flood, ports: 1);
        var input = rig.Input(0, new FakeInput());
        rig.Output(0, new FakeOutput());
        rig.Run(input, 5);
        Assert.Equal(5ul, input.Counters->Drops(DropReason.UnknownDestination));
    }

    [Fact]
    public unsafe void CountsAFloodedFrameOnceAsDelivered()
    {
        using var rig = new Rig(_ => Frame.Flood, ports: 4);
        var input = rig.Input(0, new FakeInput());
        for (int port = 1; port < 4; port++)
            rig.Output(port, new FakeOutput());
        rig.Run(input, 5);
        Assert.Equal(5ul, input.Counters->Delivered);
    }
}
