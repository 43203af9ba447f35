namespace VhostSwitch.Dataplane.Tests;

/// <summary>Which of a receiver's queues frames leave by.</summary>
public sealed class FlowTests
{
    private const int Flows = 16;

    [Fact]
    public void ASenderWithFewerQueuesIsSpreadByFlowInOrder()
    {
        using var rig = new Rig(_ => 1, ports: 2);
        // Ethernet addresses tell the flows apart here.
        var input = rig.Input(0, new FakeInput { Content = Frame });
        var outputs = Enumerable.Range(0, 4).Select(index => rig.Output(1, new FakeOutput(index))).ToArray();
        rig.Run(input, 3200);
        Assert.Equal(3200, outputs.Sum(o => o.Count));
        Assert.All(outputs, output => Assert.True(output.Count > 0, "every queue has some of the flows"));
        var flowsOf = outputs.Select(output => output.Tokens.Select(token => token % Flows).ToHashSet()).ToArray();
        Assert.Equal(Flows, flowsOf.Sum(flows => flows.Count));
        foreach (var output in outputs)
        {
            foreach (var flow in output.Tokens.GroupBy(token => token % Flows))
                Assert.Equal(flow.Order(), flow);
        }
    }

    [Fact]
    public void ASenderWithAsManyQueuesHasSpreadThemItself()
    {
        using var rig = new Rig(_ => 1, ports: 2);
        var inputs = Enumerable.Range(0, 2)
            .Select(index => rig.Input(0, new FakeInput(index) { Content = Frame })).ToArray();
        var outputs = Enumerable.Range(0, 2).Select(index => rig.Output(1, new FakeOutput(index))).ToArray();
        for (int i = 0; i < 2; i++)
        {
            rig.Run(inputs[i], 100);
            Assert.Equal(100, outputs[i].Count);
        }
    }

    // Ethernet addresses tell the flows apart here.
    private static (byte[] Bytes, OffloadFields Offload) Frame(ushort token) => ([(byte)(token % Flows), .. new byte[59]], default);
}
