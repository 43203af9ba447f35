using VhostSwitch.Testpmd.Forwarding;

namespace VhostSwitch.Testpmd.Modes;

/// <summary>Sends on what arrives with its Ethernet addresses exchanged.</summary>
internal sealed unsafe class MacSwapMode : ReceivingMode
{
    /// <inheritdoc/>
    public override string Name => "macswap";

    /// <inheritdoc/>
    public override string Summary => "sends frames on with their Ethernet addresses exchanged";

    /// <inheritdoc/>
    protected override void Forward(FrameStream stream, Workspace workspace)
    {
        for (int i = 0; i < workspace.Selected; i++)
        {
            var frame = workspace.Loan.Frames + workspace.Selection[i];
            frame->Snapshot = Addresses.Exchange(frame->Snapshot);
        }
        Send(stream, workspace);
    }
}
