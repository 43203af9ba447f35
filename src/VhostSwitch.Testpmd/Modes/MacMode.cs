using VhostSwitch.Testpmd.Forwarding;

namespace VhostSwitch.Testpmd.Modes;

/// <summary>Sends on what arrives, from the address of the port that sends to that of its peer.</summary>
internal sealed unsafe class MacMode : ReceivingMode
{
    /// <inheritdoc/>
    public override string Name => "mac";

    /// <inheritdoc/>
    public override string Summary => "sends frames on, from the address of the port that sends to that of its peer (--eth-peer)";

    /// <inheritdoc/>
    protected override void Forward(FrameStream stream, Workspace workspace)
    {
        var port = stream.TxPort;
        for (int i = 0; i < workspace.Selected; i++)
        {
            var frame = workspace.Loan.Frames + workspace.Selection[i];
            frame->Snapshot = Addresses.Replace(frame->Snapshot, port.Peer, port.Address);
        }
        Send(stream, workspace);
    }
}
