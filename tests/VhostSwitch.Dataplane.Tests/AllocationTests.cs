using VhostSwitch.TestKit.Host;

namespace VhostSwitch.Dataplane.Tests;

public sealed class AllocationTests
{
    // About as many as there may be ports, and more than the runtime's table of casts has room for by then, so that who casts so many makes it grow.
    private const int Kinds = 1000;

    /// <summary>The runtime's table of casts grows on the thread that adds to it: a poll thread must never be that one.</summary>
    [Fact]
    public unsafe void QueuesOfManyClassesMakeAPollThreadAllocateNothing()
    {
        using var rig = new Rig(_ => Frame.Flood, ports: 1 + Kinds, idle: IdlePolicy.Busy);
        var classes = typeof(object).Assembly.GetExportedTypes().Where(type => type.IsClass && !type.ContainsGenericParameters);
        OpenOutput[] outputs = [.. classes.SelectMany(type => (Type[])[type, type.MakeArrayType()]).Take(Kinds).Select(type =>
            (OpenOutput)Activator.CreateInstance(typeof(OpenOutput<>).MakeGenericType(type))!)];
        for (int i = 0; i < Kinds; i++)
            rig.Plane.SetQueues(rig.Ports[1 + i], [], [outputs[i]]);
        var input = rig.Input(0, new FakeInput());
        var thread = rig.Plane.Threads[0];
        input.Give(1);
        Until.True(() => outputs.All(output => output.Decided), "a frame and a decision for every queue");
        ulong passes = thread.Passes;
        Until.True(() => thread.Passes > passes + 200_000, "many passes");
        Assert.Equal(0, thread.AllocatedBytes);
        foreach (var output in outputs)
            rig.Plane.SetQueues(rig.Ports[1 + Array.IndexOf(outputs, output)], [], []);
    }

    private abstract unsafe class OpenOutput() : OutputQueue(0, new CounterBlock())
    {
        private volatile bool _open;

        public volatile bool Decided;

        public override bool NotificationOpen => _open;

        public override int Send(Burst burst, ushort* which, int count)
        {
            _open = true;
            return count;
        }

        public override void DecideNotification()
        {
            _open = false;
            Decided = true;
        }
    }

    private sealed class OpenOutput<T> : OpenOutput;
}
